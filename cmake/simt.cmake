# The CUDA back end for the emulator of test/simt: the same cuda/*.cu as host C++. A test tool.

# entrain_add_simt_library(<target> <file.cu>...): an object library. Each file is compiled through a
# source file that includes it, because a .cu file can have only one language in a directory.
function(entrain_add_simt_library target)
  set(wrappers)
  foreach(file ${ARGN})
    string(REPLACE "/" "-" name ${file})
    set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/${target}/${name}.cpp)
    file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"${file}\"\n")
    list(APPEND wrappers ${wrapper})
  endforeach()
  add_library(${target} OBJECT ${wrappers})
  entrain_use_simt_headers(${target})
endfunction()

function(entrain_use_simt_headers target)
  target_link_libraries(${target} PRIVATE options sanitizers)
  target_include_directories(${target} BEFORE PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/test/simt)
  target_compile_definitions(${target} PRIVATE ENTRAIN_SIMT)
  # -Wno-unknown-pragmas: nvcc's "unroll".
  # -O1 under the sanitizers: quicker to compile, and g++ 12 goes wrong on packs of doubles at -O2 with
  # both of them (with either alone, and at -O1 with both, the results are right).
  target_compile_options(${target} PRIVATE
    $<IF:$<BOOL:${ENTRAIN_SANITIZE}>,-O1,-O2> -Wno-unknown-pragmas)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(${target} PRIVATE -march=x86-64-v3)  # fma as an instruction
  endif()
endfunction()

if(ENTRAIN_SIMT)
  add_library(simt OBJECT
    test/simt/block.cpp test/simt/device.cpp test/simt/fiber.cpp test/simt/memory.cpp
    test/simt/stream.cpp)
  entrain_use_simt_headers(simt)

  list(TRANSFORM OPERATIONS REPLACE "(.+)" "cuda/\\1.cu" OUTPUT_VARIABLE SIMT_KERNELS)
  entrain_add_simt_library(simt_kernels ${SIMT_KERNELS} ${CUDA_RUNTIME_SOURCES})
  target_sources(entrain PRIVATE $<TARGET_OBJECTS:simt_kernels> $<TARGET_OBJECTS:simt>)
  target_compile_definitions(entrain PRIVATE ENTRAIN_CUDA)

  entrain_add_simt_library(simt_selftest_objects test/simt/selftest.cu)
  add_executable(simt_selftest $<TARGET_OBJECTS:simt_selftest_objects> $<TARGET_OBJECTS:simt>)
  target_link_libraries(simt_selftest PRIVATE options sanitizers Threads::Threads)
  add_executable(simt_streamtest
    test/simt/streamtest.cpp ops/registry.cpp $<TARGET_OBJECTS:simt_kernels> $<TARGET_OBJECTS:simt>)
  entrain_use_simt_headers(simt_streamtest)
  target_link_libraries(simt_streamtest PRIVATE Threads::Threads)

  # Kernels with several launch plans, each plan forced in turn.
  foreach(name eigenstate_scan kuramoto kuramoto_network wave_field)
    entrain_add_simt_library(simt_${name}_objects test/simt/${name}.cu)
    add_executable(simt_${name} ops/registry.cpp $<TARGET_OBJECTS:simt_${name}_objects>
      $<TARGET_OBJECTS:simt>)
    target_link_libraries(simt_${name} PRIVATE options sanitizers Threads::Threads)
  endforeach()

  # The elementary functions in every instruction set this machine compiles for.
  foreach(isa v2 v3 v4)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
      add_executable(elementary_${isa} test/native/elementary.cpp)
      target_link_libraries(elementary_${isa} PRIVATE options)
      target_compile_options(elementary_${isa} PRIVATE
        -O2 -march=x86-64-${isa} -Wno-uninitialized -Wno-maybe-uninitialized)
    endif()
  endforeach()
endif()
