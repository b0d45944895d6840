// Node's net module: one loop, callbacks.
'use strict';

const net = require('net');

const CLIENTS = 100;
const WARM_UP = 100;
const BUFFER_SIZE = 64 * 1024;

const [role, workload, address, ...numbers] = process.argv.slice(2);
const [size, count] = numbers.map(Number);

function report(nanoseconds, operations, more = {}) {
  console.log(JSON.stringify({nanoseconds: Number(nanoseconds), operations, ...more}));
}

/** Calls `whole` each time that another `size` bytes have arrived. */
function onEach(socket, whole) {
  let received = 0;
  socket.on('data', (chunk) => {
    for (received += chunk.length; received >= size; received -= size) whole();
  });
}

/** The messages of a stream, each a byte with its length and that many bytes. */
function onMessages(socket, take) {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let begin = 0;
    while (begin < bytes.length && begin + 1 + bytes[begin] <= bytes.length) {
      const end = begin + 1 + bytes[begin];
      take(bytes.subarray(begin + 1, end));
      begin = end;
    }
    rest = bytes.subarray(begin);
  });
}

function echo(socket) {
  const reply = Buffer.alloc(size);
  onEach(socket, () => socket.write(reply));
}

const serve = {
  echo,
  clients: echo,
  connect(socket) {
    socket.destroy();
  },
  idle() {},
  stream(socket) {
    let left = size * count;
    socket.on('data', (chunk) => {
      left -= chunk.length;
      if (left === 0) socket.end(Buffer.alloc(1));
    });
  },
  messages(socket) {
    let left = count;
    let sum = 0;
    onMessages(socket, (message) => {
      sum += message[0];
      if (--left === 0) socket.end(Buffer.from([1, sum & 255]));
    });
  },
};

// How many connections a server takes before it ends.
const connections = {clients: CLIENTS, connect: count, idle: Infinity};

/** Calls `write` as long as the socket takes it, and again whenever it does. */
function writeAll(socket, write) {
  while (write());
  socket.on('drain', () => {
    while (write());
  });
}

const drive = {
  echo() {
    const trips = [];
    const message = Buffer.alloc(size);
    const socket = net.connect(address, () => socket.write(message));
    let last = process.hrtime.bigint();
    onEach(socket, () => {
      const now = process.hrtime.bigint();
      trips.push(Number(now - last));
      last = now;
      if (trips.length < WARM_UP + count) {
        socket.write(message);
        return;
      }
      socket.end();
      const kept = trips.slice(WARM_UP).sort((a, b) => a - b);
      const percentile = (percent) => kept[Math.floor(count * percent / 100)];
      report(kept.reduce((sum, trip) => sum + trip), count, {p50: percentile(50), p99: percentile(99)});
    });
  },
  stream() {
    const bytes = Buffer.alloc(size);
    const socket = net.connect(address, () => {
      const start = process.hrtime.bigint();
      let left = count;
      writeAll(socket, () => left-- > 0 && socket.write(bytes));
      socket.on('data', () => report(process.hrtime.bigint() - start, count));
    });
  },
  connect() {
    const start = process.hrtime.bigint();
    let left = count;
    const next = () => {
      if (left-- === 0) {
        report(process.hrtime.bigint() - start, count);
      } else {
        net.connect(address).on('close', next).resume();
      }
    };
    next();
  },
  messages() {
    const message = Buffer.alloc(size, 1);
    const socket = net.connect(address, () => {
      const start = process.hrtime.bigint();
      let left = count;
      const pack = () => {
        if (left === 0) return false;
        const buffer = Buffer.allocUnsafe(BUFFER_SIZE);
        let used = 0;
        for (; left > 0 && used + 1 + size <= BUFFER_SIZE; --left) {
          buffer[used] = size;
          message.copy(buffer, used + 1);
          used += 1 + size;
        }
        return socket.write(buffer.subarray(0, used));
      };
      writeAll(socket, pack);
      onMessages(socket, (answer) => {
        if (answer[0] !== (count & 255)) throw new Error('not every message arrived');
        report(process.hrtime.bigint() - start, count);
      });
    });
  },
};

if (role === 'serve') {
  let left = connections[workload] ?? 1;
  const server = net.createServer((socket) => {
    serve[workload](socket);
    if (--left === 0) server.close();
  });
  server.listen(address, () => console.log('ready'));
} else {
  drive[workload]();
}
