// Three generations of the JavaScript client behind one shape: what differs between them is said here and nowhere else.
import { subscribe } from 'node:diagnostics_channel';
import { createRequire } from 'node:module';
import { finished } from 'node:stream';

const PACKAGES = { 4: 'socket.io-client', 3: 'socket.io-client-v3', 2: 'socket.io-client-v2' };

/**
 * @returns {{io: Function, onReconnectAttempt: Function, onAny: Function, withAuth: Function}}
 * `refusals` is called with {transport, url, status, body, headers} for every HTTP answer from 400 on,
 * `closes` with {code, reason, wasOpen} for every WebSocket that closes: the clients keep both to themselves.
 */
export function load(version, { refusals, closes }) {
  const name = PACKAGES[version];
  if (!name) throw new Error(`--client is one of ${Object.keys(PACKAGES).join(', ')}, not ${version}`);
  // Node 22 has a WebSocket of its own, which v2 and v3 would take for a browser's and send no headers with.
  delete globalThis.WebSocket;
  const require = createRequire(import.meta.url);
  const client = require(name);
  const engine = createRequire(createRequire(require.resolve(name)).resolve('engine.io-client'));
  watchWebSockets(engine('ws'), refusals, closes);
  watchPolling(refusals);
  return {
    io: client.io ?? client,
    // v2 forwards the manager's events to the socket; since v3 they are the manager's alone.
    onReconnectAttempt: (socket, listener) => (version === '2' ? socket : socket.io).on('reconnect_attempt', listener),
    onAny: version === '2' ? onAnyV2 : onAny,
    // v2 has no `auth`; its applications put credentials in the query.
    withAuth: (options, auth) => (version === '2' ? { ...options, query: auth } : { ...options, auth }),
  };
}

function onAny(socket, listener) {
  socket.onAny((name, ...args) => {
    const ack = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    listener(name, args, ack);
  });
}

function onAnyV2(socket, listener) {
  const { onevent } = socket;
  socket.onevent = function (packet) {
    const [name, ...args] = packet.data;
    listener(name, args, packet.id == null ? undefined : this.ack(packet.id));
    onevent.call(this, packet);
  };
}

// `ws` drops the answer to a refused upgrade. This reads it to its end, then goes on as `ws` does.
function watchWebSockets(WebSocket, refusals, closes) {
  const { emit } = WebSocket.prototype;
  const opened = new WeakSet();
  WebSocket.prototype.emit = function (event, ...args) {
    if (event === 'open') opened.add(this);
    if (event === 'close') closes({ code: args[0], reason: String(args[1] ?? ''), wasOpen: opened.has(this) });
    if (event !== 'unexpected-response') return emit.call(this, event, ...args);
    const [request, response] = args;
    read(response, (body) => {
      const { statusCode: status, headers } = response;
      refusals({ transport: 'websocket', url: request.path, status, headers, body });
      request.destroy();
      this._readyState = WebSocket.CLOSING;
      emit.call(this, 'error', Object.assign(new Error(`Unexpected server response: ${status}`), { status, body }));
      this.emitClose();
    });
    return true;
  };
}

function watchPolling(refusals) {
  subscribe('http.client.response.finish', ({ request, response }) => {
    const { statusCode: status, headers } = response;
    if (status < 400 || request.getHeader('upgrade')) return;
    read(response, (body) => refusals({ transport: 'polling', url: request.path, status, headers, body }));
  });
}

function read(response, done) {
  let body = '';
  response.on('data', (chunk) => (body += chunk));
  // Also when it breaks off: a half read refusal is one all the same.
  finished(response, () => done(body));
}
