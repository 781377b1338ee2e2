// ONNX Runtime as a peer (README.md). MODEL: path of the .onnx file; VARIANT is not used.
// onnxruntime-node is found through NODE_PATH.
'use strict';

const fs = require('fs');
const ort = require('onnxruntime-node');
const readline = require('readline');

async function main() {
  const [model, w, h, n, b, t, , source, target] = process.argv.slice(2);
  const [width, height, frames, batch] = [w, h, n, b].map(Number);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: Number(t),
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const pixels = new Uint8Array(fs.readFileSync(source));
  const bytes = 3 * width * height;

  async function upscaleAll() {
    const results = [];
    for (let first = 0; first < frames; first += batch) {
      const count = Math.min(batch, frames - first);
      const part = pixels.subarray(first * bytes, (first + count) * bytes);
      const feeds = {pixels: new ort.Tensor('uint8', part, [count, 3, height, width])};
      results.push((await session.run(feeds)).result.data);
    }
    return results;
  }

  const first = (await upscaleAll())[0];
  fs.writeFileSync(target, first.subarray(0, bytes * 16));
  console.log('ready');
  for await (const line of readline.createInterface({input: process.stdin})) {
    const start = process.hrtime.bigint();
    await upscaleAll();
    console.log(Number(process.hrtime.bigint() - start) / 1e9);
  }
}

main().catch((error) => {
  console.error('onnxruntime_peer.js: error: ' + error.message);
  process.exit(1);
});
