#!/usr/bin/python3
"""Writes an ncnn .param and .bin file of scale 4 as ONNX, 8-bit pixels in and out.

Usage: write_onnx.py MODEL.param MODEL.onnx          Needs Debian's python3-onnx, python3-torch.
"""

import pathlib
import sys

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
import make_goldens  # noqa: E402  (the reader of ncnn's files)

OPSET = 13
IR_VERSION = 8


class Graph:
    """Nodes and constants, added one by one."""

    def __init__(self):
        self.nodes = []
        self.constants = {}

    def constant(self, value, name=None):
        name = name or f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def add(self, kind, inputs, output=None, **attributes):
        output = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output


def f32(value):
    return np.asarray(value, np.float32)


def add_layer(graph, kind, params, weight, x):
    """One layer of the .param file; x: names of its inputs. Returns the name of its output."""
    if kind == "Split":
        return x[0]
    if kind == "Convolution":
        names = [graph.constant(values.numpy()) for values in weight]
        y = graph.add("Conv", [x[0]] + names, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        if "9" in params:
            slope = float(params["-23310"].split(",")[1])
            y = graph.add("LeakyRelu", [y], alpha=slope)
        return y
    if kind == "PReLU":
        return graph.add("PRelu", [x[0], graph.constant(weight.numpy().reshape(-1, 1, 1))])
    if kind == "PixelShuffle":
        return graph.add("DepthToSpace", x, blocksize=int(params["0"]), mode="CRD")
    if kind == "Concat":
        return graph.add("Concat", x, axis=1)
    if kind == "BinaryOp":
        return graph.add("Add", x)
    if kind == "Eltwise":
        scales = [float(s) for s in params["-23301"].split(",")[1:]]
        scaled = [name if scale == 1 else graph.add("Mul", [name, graph.constant(f32(scale))])
                  for name, scale in zip(x, scales)]
        return graph.add("Add", scaled)
    if kind == "Interp" and params["0"] == "1":
        scale = float(params["1"])
        return graph.add("Resize", [x[0], "", graph.constant(f32([1, 1, scale, scale]))],
                         mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric")
    raise ValueError(f"layer {kind} {params} is not known here")


def main():
    param, target = (pathlib.Path(word) for word in sys.argv[1:])
    layers = make_goldens.read_param(param)
    weights = make_goldens.read_bin(param.with_suffix(".bin"), layers)
    graph = Graph()
    picture = graph.add("Cast", ["pixels"], to=TensorProto.FLOAT)
    blobs = {"data": graph.add("Div", [picture, graph.constant(f32(255))])}
    for (kind, inputs, outputs, params), weight in zip(layers, weights):
        if kind == "Input":
            continue
        result = add_layer(graph, kind, params, weight, [blobs[name] for name in inputs])
        blobs.update({name: result for name in outputs})
    scaled = graph.add("Mul", [blobs["output"], graph.constant(f32(255))])
    rounded = graph.add("Add", [scaled, graph.constant(f32(0.5))])
    clipped = graph.add("Clip", [rounded, graph.constant(f32(0)), graph.constant(f32(255))])
    graph.add("Cast", [clipped], "result", to=TensorProto.UINT8)

    shape_in, shape_out = ["n", 3, "h", "w"], ["n", 3, "h4", "w4"]
    model = helper.make_model(
        helper.make_graph(graph.nodes, param.stem,
                          [helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape_in)],
                          [helper.make_tensor_value_info("result", TensorProto.UINT8, shape_out)],
                          list(graph.constants.values())),
        opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    checker.check_model(model)
    save(model, str(target))


if __name__ == "__main__":
    main()
