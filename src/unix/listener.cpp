#include "listener.hpp"

#include "bind_targets.hpp"
#include "peer.hpp"
#include "system.hpp"
#include "wait.hpp"

#include "backend.hpp"

#include <utility>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

std::error_code check_options(const LocalAddress& address, const ListenOptions& options) {
  const bool is_abstract = AddressAccess::parts(address).form == AddressForm::abstract_name;
  if (options.posix.mode.value_or(0) > 0777) return error(Operation::bind, std::errc::invalid_argument);
  // An abstract name cannot be renamed, replaced or protected.
  const bool can = !is_abstract || (options.existing != Existing::replace && !options.posix.mode);
  return can ? std::error_code() : error(Operation::bind, std::errc::operation_not_supported);
}

namespace unix_backend {

namespace {

void end_unused_direction(int client, Direction direction) noexcept {
  if (direction == Direction::duplex) return;
  const int unused = direction == Direction::client_to_server ? SHUT_WR : SHUT_RD;
  sys("shutdown", ::shutdown, client, unused);  // it fails for a client that has left, when both have ended (macOS)
}

void bind_abstract(int socket, const std::string& native, const ListenOptions& options, std::error_code& ec) noexcept {
  const SocketAddress to(native);
  if (sys("bind", ::bind, socket, to.get(), to.size) != 0 ||
      sys("listen", ::listen, socket, backlog_of(options)) != 0) {
    ec = last_error(Operation::bind);
  }
}

}  // namespace

Listener::Listener(Listener&& other) noexcept { *this = std::move(other); }

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    withdraw();
    close();
    socket_ = other.socket_.exchange(-1);
    file_ = std::move(other.file_);
    maker_ = other.maker_;
    is_adopted_ = other.is_adopted_;
    found_ = other.found_;
    type_ = other.type_;
    direction_ = other.direction_;
    buffer_size_ = other.buffer_size_;
    asks_who_comes_ = other.asks_who_comes_;
    group_ = other.group_;
  }
  return *this;
}

Listener::~Listener() {
  withdraw();
  close();
}

Listener Listener::bind(LocalAddress& address, const ListenOptions& options, std::error_code& ec) {
  const AddressParts& parts = AddressAccess::parts(address);
  std::optional<gid_t> group;
  if (!options.group.empty()) group = group_of(options.group, ec);
  if (ec) return {};
  const bool is_abstract = parts.form == AddressForm::abstract_name;
  std::vector<BindTarget> targets;
  if (!is_abstract) targets = bind_targets_of(parts, ec);
  const int socket_type = socket_type_of(options.type, Operation::bind, ec);
  if (ec) return {};
  Listener listener(open_socket(socket_type, ec).release(), options.type);
  // All that can fail comes before a live listener is replaced.
  if (!ec && !listener.prepare()) ec = last_error(Operation::bind);
  if (ec) return {};
  listener.direction_ = options.direction;
  listener.buffer_size_ = options.buffer_size;
  listener.group_ = group;
  listener.asks_who_comes_ = is_abstract && options.access != Access::everyone;
  if (is_abstract) {
    bind_abstract(listener.handle(), address.native(), options, ec);
  } else {
    std::size_t chosen = 0;
    listener.file_ = SocketFile::bind(listener.handle(), targets, options, group, chosen, ec);
    AddressAccess::choose(address, targets[chosen].native);
  }
  if (ec) return {};
  return listener;
}

Listener Listener::adopt(NativeHandle handle, const LocalAddress& address, std::error_code& ec) {
  ec = check_socket(handle, true);
  if (ec) return {};
  const bool is_abstract = AddressAccess::parts(address).form == AddressForm::abstract_name;
  SocketFile file = is_abstract ? SocketFile() : SocketFile::of_others(address.native());  // before the handle is ours
  Listener listener(handle, type_of_socket(handle));
  listener.is_adopted_ = true;
  listener.file_ = std::move(file);
  if (!listener.find_settings() || !listener.prepare()) {
    ec = last_error(Operation::other);
    listener.socket_ = -1;  // still the caller's
  }
  return listener;
}

// Its clients inherit what tells their empty messages, so that those count that come before accept (unix_accept() in
// net/unix/af_unix.c).
bool Listener::prepare() noexcept {
  return make_accept_interruptible() && (type_ == Type::stream || tell_empty_messages(handle()));
}

// How accept behaves on a socket that others have made, and may go on using.
bool Listener::find_settings() noexcept {
  if (accept_has_timeout) return get_socket_timeout(handle(), SO_RCVTIMEO, found_.timeout);
  const int flags = get_flags(handle());
  found_.is_nonblocking = (flags & O_NONBLOCK) != 0;
  return flags != -1;
}

// Where accept keeps to SO_RCVTIMEO it may block for a bounded block; elsewhere it must not block at all.
bool Listener::make_accept_interruptible() noexcept {
  return accept_has_timeout ? set_socket_timeout(handle(), SO_RCVTIMEO, bounded_block) : set_blocking(handle(), false);
}

// In the process that has changed them: a child made by fork shares the socket with its parent, which needs them.
void Listener::restore_settings() noexcept {
  if (handle() == -1 || maker_ != process_generation()) return;
  if (accept_has_timeout) {
    set_socket_timeout(handle(), SO_RCVTIMEO, found_.timeout);
  } else {
    set_blocking(handle(), !found_.is_nonblocking);
  }
}

// One accept as a system call reports it.
int Listener::try_accept(Attempt attempt, bool is_inherited) noexcept {
  const int listening = handle();
  if (attempt == Attempt::nonblocking && !is_ready_now(listening, POLLIN)) {
    errno = EAGAIN;
    return -1;
  }
  // The parent may have released the socket, and its settings with it, at any time since.
  if (is_inherited) make_accept_interruptible();
  const int client = accept_socket(listening).release();
  // Linux takes the descriptor before it looks for a client: without one to spare, first wait for somebody to refuse.
  const bool is_premature = attempt == Attempt::blocking && (errno == EMFILE || errno == ENFILE);
  // ECONNABORTED: the client left (accept(2)).
  if (client == -1 && (is_premature || errno == ECONNABORTED)) errno = EAGAIN;
  return client;
}

int Listener::accept_one(Call& call, std::error_code& ec) {
  const bool is_inherited = maker_ != process_generation();
  const bool may_block = accept_has_timeout && !is_inherited && call.may_block_for(bounded_block);
  return static_cast<int>(transfer_within(
      call, handle(), {Operation::accept, POLLIN}, may_block ? Attempt::blocking : Attempt::nonblocking, ec,
      [] { return false; }, [&](Attempt attempt) { return try_accept(attempt, is_inherited); }));
}

bool Listener::lets_in(int client) const noexcept {
  return !asks_who_comes_ || is_ours_or_roots(client) || (group_ && is_member(client, *group_));
}

Stream Listener::accept(Call& call, std::error_code& ec) {
  Descriptor accepted(accept_one(call, ec));
  while (accepted.is_open() && !lets_in(accepted.get())) {
    accepted = Descriptor();
    ec = error(Operation::accept, call.ended());
    if (!ec) accepted = Descriptor(accept_one(call, ec));
  }
  if (!accepted.is_open()) return {};
  end_unused_direction(accepted.get(), direction_);
  if (buffer_size_) {
    const int size = static_cast<int>(*buffer_size_);
    // Advice: what the system allows is what there is.
    sys("setsockopt", ::setsockopt, accepted.get(), SOL_SOCKET, SO_SNDBUF, &size, socklen_t{sizeof size});
  }
  return Stream(accepted.release(), type_);
}

bool Listener::owns_address(std::error_code& ec) const noexcept { return file_.still_has_its_name(ec); }

void Listener::withdraw() noexcept { file_.remove(); }

void Listener::close() noexcept {
  if (is_adopted_) restore_settings();
  const Descriptor closing(socket_.exchange(-1));
}

NativeHandle Listener::release() noexcept {
  file_.disown();
  restore_settings();
  return socket_.exchange(-1);
}

}  // namespace unix_backend
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
