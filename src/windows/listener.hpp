// The instances of one named pipe that wait for clients.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/platform.hpp>

#include "core/gate.hpp"
#include "stream.hpp"

#include <memory>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

class Listener {
 public:
  Listener() noexcept;
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  static Listener bind(LocalAddress& address, const ListenOptions& options, std::error_code& ec);
  static Listener adopt(NativeHandle handle, const LocalAddress& address, std::error_code& ec);

  Stream accept(Call& call, std::error_code& ec);
  bool owns_address(std::error_code& ec) const noexcept;
  void withdraw() noexcept;
  void close() noexcept;
  NativeHandle handle() const noexcept;
  NativeHandle release() noexcept;

  // For a wait set: whether there is a client to accept, and what is set when there may be one.
  bool has_client() noexcept;
  NativeHandle event() const noexcept;

 private:
  class Instance;
  class Instances;

  std::unique_ptr<Instances> instances_;
  Type type_ = Type::stream;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
