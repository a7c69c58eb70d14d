# The CUDA back end: cuda/*.cu by nvcc, with the runtime linked statically, so that the addon also
# loads where there is no driver.

# Machine code for every generation from Turing on, and PTX for those to come. 8.7, 10.3 and 12.1 run
# the code of their family's first member.
set(ENTRAIN_CUDA_ARCHITECTURES
  "75-real;80-real;86-real;89-real;90-real;100-real;120-real;120-virtual"
  CACHE STRING "GPU generations to compile for")

if(DEFINED ENV{ENTRAIN_CUDA_ARCHITECTURES})
  set(ENTRAIN_CUDA_ARCHITECTURES "$ENV{ENTRAIN_CUDA_ARCHITECTURES}")
endif()

# entrain_add_cuda_library(<target> <file.cu>...): an object library.
function(entrain_add_cuda_library target)
  add_library(${target} OBJECT ${ARGN})
  target_link_libraries(${target} PRIVATE options CUDA::cudart_static)
  set_target_properties(${target} PROPERTIES
    CUDA_ARCHITECTURES "${ENTRAIN_CUDA_ARCHITECTURES}"
    CUDA_RUNTIME_LIBRARY Static
    CUDA_VISIBILITY_PRESET hidden
    CUDA_SEPARABLE_COMPILATION OFF)
  # --fmad=false: a product is fused where the source says fma and nowhere else, as on the CPU.
  # --compress-mode=size: the machine code of all targets shrinks to a tenth.
  target_compile_options(${target} PRIVATE
    --fmad=false --compress-mode=size --Werror=all-warnings
    -Xcompiler=-Wall,-Wextra,-ffp-contract=off,-fno-math-errno)
endfunction()

# entrain_use_cuda(<addon> <file.cu>...): compiles the files and links them into the addon.
function(entrain_use_cuda addon)
  entrain_add_cuda_library(cuda_kernels ${ARGN})
  target_sources(${addon} PRIVATE $<TARGET_OBJECTS:cuda_kernels>)
  target_link_libraries(${addon} PRIVATE CUDA::cudart_static)
  target_compile_definitions(${addon} PRIVATE ENTRAIN_CUDA)
  set_target_properties(${addon} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()

set(CUDA_RUNTIME_SOURCES cuda/device.cu cuda/staging.cu cuda/stream.cu cuda/table.cu)

# Whether to compile it, and for what: ON for every generation; AUTO for the GPU of this machine, where
# there is one and nvcc beside it, since all generations take many minutes.
function(entrain_choose_cuda result)
  set(${result} OFF PARENT_SCOPE)
  if(ENTRAIN_SIMT OR ENTRAIN_CUDA STREQUAL "OFF")
    return()
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  find_package(CUDAToolkit 13.0 QUIET)
  if(NOT CMAKE_CUDA_COMPILER OR NOT CUDAToolkit_FOUND)
    if(ENTRAIN_CUDA STREQUAL "ON")
      message(FATAL_ERROR "ENTRAIN_CUDA=ON needs nvcc 13.0 or later; CUDACXX names it")
    endif()
    message(STATUS "CUDA back end: none, nvcc 13.0 or later was not found")
  elseif(ENTRAIN_CUDA STREQUAL "ON")
    set(${result} ON PARENT_SCOPE)
  elseif(EXISTS /dev/nvidia0)
    if(NOT DEFINED ENV{ENTRAIN_CUDA_ARCHITECTURES})
      set(ENTRAIN_CUDA_ARCHITECTURES native PARENT_SCOPE)
    endif()
    set(${result} ON PARENT_SCOPE)
  else()
    message(STATUS "CUDA back end: none, there is no GPU; ENTRAIN_CUDA=ON compiles it all the same")
  endif()
endfunction()

entrain_choose_cuda(ENTRAIN_USE_CUDA)
if(ENTRAIN_USE_CUDA)
  # The architectures are a property of the library; this only keeps the compiler check short.
  set(CMAKE_CUDA_ARCHITECTURES 75)
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that of nvcc 12 and later
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  find_package(CUDAToolkit 13.0 REQUIRED)
  list(TRANSFORM OPERATIONS REPLACE "(.+)" "cuda/\\1.cu" OUTPUT_VARIABLE CUDA_KERNELS)
  entrain_use_cuda(entrain ${CUDA_KERNELS} ${CUDA_RUNTIME_SOURCES} cuda/cublaslt.cu)
  message(STATUS "CUDA back end: ${CMAKE_CUDA_COMPILER} for ${ENTRAIN_CUDA_ARCHITECTURES}")
endif()
