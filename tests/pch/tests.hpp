// Precompiled for the tests: what nearly all of them include, and costs more to read than most of them. Each file still
// includes what it uses. (Without #pragma once: GCC compiles this as a file of its own, and warns of it there.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <localsocket/localsocket.hpp>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>
