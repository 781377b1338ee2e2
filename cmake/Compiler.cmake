# Flags for every target. Floating point stays strict and is never contracted behind our back:
# kernels write their fused multiply-adds out, so that every CPU level computes the same bits.
add_compile_options(-Wall -Wextra -Wno-missing-field-initializers -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                    -ffp-contract=off -fno-math-errno -fno-trapping-math)
if(OCTOSCALE_WERROR)
  add_compile_options(-Werror)
endif()
if(OCTOSCALE_SANITIZE)
  add_compile_options(-fsanitize=${OCTOSCALE_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OCTOSCALE_SANITIZE})
endif()
if(OCTOSCALE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

# Flags by file name: conv3x3_avx512.cc is compiled for AVX-512 and may include only intrinsics and
# kernel-private headers.
set(OCTOSCALE_ISA_avx2 -mavx2;-mfma;-mf16c)
set(OCTOSCALE_ISA_avx512 ${OCTOSCALE_ISA_avx2};-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni)
set(OCTOSCALE_ISA_avx512bf16 ${OCTOSCALE_ISA_avx512};-mavx512bf16)
set(OCTOSCALE_ISA_amx ${OCTOSCALE_ISA_avx512bf16};-mamx-tile;-mamx-bf16)

# GCC 12's own intrinsics headers trip these.
set(OCTOSCALE_ISA_QUIET -Wno-uninitialized;-Wno-maybe-uninitialized;-Wno-ignored-attributes)

function(octoscale_set_isa_flags)
  foreach(source IN LISTS ARGN)
    if(source MATCHES "_(avx2|avx512|avx512bf16|amx)\\.cc$")
      set_source_files_properties(${source} PROPERTIES
        COMPILE_OPTIONS "${OCTOSCALE_ISA_${CMAKE_MATCH_1}};-O3;${OCTOSCALE_ISA_QUIET}")
    endif()
  endforeach()
endfunction()
