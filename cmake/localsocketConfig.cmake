# find_package(localsocket) gives the target localsocket::localsocket. Installed by both builds, each of which installs
# its own localsocketTargets.cmake beside it.
include(CMakeFindDependencyMacro)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/localsocketTargets.cmake)
