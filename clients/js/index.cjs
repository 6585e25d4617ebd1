'use strict';
// Connects a Socket.IO client of version 2, 3 or 4 to a server that keeps its session while it is away.

const SESSION = 'realtime:session';
const GAP = 'realtime:gap';
const OFFSET = /^\d+-\d+$/;

/** Milliseconds, then a number: neither fits the other's digits. */
function isAfter(one, other) {
  const [a, b] = [one.split('-').map(BigInt), other.split('-').map(BigInt)];
  return a[0] === b[0] ? a[1] > b[1] : a[0] > b[0];
}

/** As an object, whatever form the query of an older client has. */
function entries(query) {
  return typeof query === 'string' ? Object.fromEntries(new URLSearchParams(query)) : { ...query };
}

function queryOf(uri) {
  return typeof uri === 'string' && uri.includes('?') ? entries(uri.split('?')[1].split('#')[0]) : {};
}

/** What the server has to know when the client comes back. */
class Memory {
  constructor() {
    this.session = undefined;
    this.offset = undefined;
  }

  /** Version 3 sends it as `auth`, version 2 in the query of its handshake. */
  presented(recovery) {
    if (!this.session?.pid) return { recovery };
    return { recovery, pid: this.session.pid, ...(this.offset && { offset: this.offset }) };
  }

  begin(session) {
    this.session = session;
    if (!session.recovered) this.offset = undefined;
  }

  /** Takes the offset off an event's arguments; an event that was here before is not delivered again. */
  receive(args, deliver) {
    const offset = this.session?.pid && args[args.length - 1];
    if (typeof offset !== 'string' || !OFFSET.test(offset)) return deliver();
    if (this.offset && !isAfter(offset, this.offset)) return;
    args.pop();
    try {
      deliver();
    } finally {
      this.offset = offset;
    }
  }
}

/**
 * Connects as `io(uri, options)` does.
 *
 * @param {Function} io `io` of socket.io-client
 * @param {string} uri
 * @param {object} [options] those of `io`
 * @param {{onSession?: Function, onGap?: Function}} [listeners]
 * @returns the socket
 */
function connect(io, uri, options = {}, { onSession = () => {}, onGap = () => {} } = {}) {
  const memory = new Memory();
  const isVersion2 = io.protocol === 4;
  let isNative = false;
  const withAuth = {
    ...options,
    auth: (send) => {
      const add = (auth) => send(isNative ? auth : { ...auth, ...memory.presented(true) });
      if (typeof options.auth === 'function') options.auth(add);
      else add(options.auth);
    },
  };
  const withQuery = {
    ...options,
    // Version 2 reads it each time that it opens a connection.
    get query() {
      return { ...queryOf(uri), ...entries(options.query), ...memory.presented('1') };
    },
  };
  const socket = io(uri, isVersion2 ? withQuery : withAuth);
  isNative = 'recovered' in socket;
  socket.on(GAP, (gap) => onGap(gap));
  if (isNative) {
    // Version 4.6 and later do all of it by themselves.
    socket.on('connect', () => onSession({ id: socket.id, recovered: socket.recovered === true }));
    return socket;
  }
  socket.on(SESSION, (session) => {
    memory.begin(session);
    onSession({ id: session.id, recovered: session.recovered });
  });
  const { onevent } = socket;
  socket.onevent = function (packet) {
    memory.receive(packet.data, () => onevent.call(this, packet));
  };
  return socket;
}

module.exports = { connect };
