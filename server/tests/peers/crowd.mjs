// Many clients of one version, one after the other and some at a time: each connects, upgrades where it should, asks for an echo and goes.
// The last line is what came of it.
import dns from 'node:dns';
import { parseArgs } from 'node:util';
import { load } from '../../../tests/clients/clients.mjs';

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string' },
    path: { type: 'string', default: '/oursocketio' },
    client: { type: 'string', default: '4' },
    mode: { type: 'string', default: 'polling' },
    count: { type: 'string', default: '100' },
    'at-once': { type: 'string', default: '10' },
    origin: { type: 'string', default: 'https://app.domain-b.com' },
    // What the name of the URL's host is for the clients: it goes into each request, by polling too.
    host: { type: 'string' },
  },
});

const TRANSPORTS = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };
const PATIENCE = 30_000;
const result = { client: flags.client, mode: flags.mode, wanted: Number(flags.count), connected: 0, upgraded: 0, echoed: 0, failed: 0, refused: {}, late: 0 };
let first;
const gone = new Set();

const client = load(flags.client, {
  refusals({ status, body, url: requested }) {
    // A poll that was on its way when the client said goodbye finds no session; so it does with a single server.
    if (gone.has(new URL(requested, flags.url).searchParams.get('sid'))) return void result.late++;
    const message = /"message":"([^":]*)/.exec(typeof body === 'string' ? body : JSON.stringify(body))?.[1];
    const key = `${status} ${message}`;
    result.refused[key] = (result.refused[key] ?? 0) + 1;
  },
  closes() {},
});

const extraHeaders = { origin: flags.origin };
const url = new URL(flags.url);
if (flags.host) {
  const address = url.hostname;
  url.hostname = flags.host;
  dns.lookup = (_, options, found) => (options.all ? found(null, [{ address, family: 4 }]) : found(null, address, 4));
}

async function one() {
  const socket = client.io(url.origin, {
    path: flags.path,
    transports: TRANSPORTS[flags.mode],
    forceNew: true,
    reconnection: false,
    rememberUpgrade: false,
    extraHeaders,
    // v2 takes headers by transport.
    transportOptions: { polling: { extraHeaders }, websocket: { extraHeaders } },
  });
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('too late')), PATIENCE)));
  const failed = new Promise((_, reject) => {
    socket.on('connect_error', (error) => reject(new Error(`connect_error: ${error.message}`)));
    socket.on('disconnect', (reason) => reject(new Error(`disconnect: ${reason}`)));
  });
  failed.catch(() => {});
  const upgraded = new Promise((resolve) => socket.io.once('open', () => socket.io.engine.once('upgrade', resolve)));
  const within = (promise) => Promise.race([promise, failed, late]);
  try {
    await within(new Promise((resolve) => socket.once('connect', resolve)));
    result.connected++;
    await within(echo(socket, 'before'));
    if (flags.mode === 'upgrade') {
      await within(upgraded);
      result.upgraded++;
      await within(echo(socket, 'after'));
    }
    result.echoed++;
  } catch (error) {
    result.failed++;
    first ??= error.message;
  } finally {
    clearTimeout(timer);
    late.catch(() => {});
    socket.removeAllListeners?.('disconnect');
    gone.add(socket.io.engine?.id);
    socket.close();
  }
}

const echo = (socket, word) =>
  new Promise((resolve, reject) =>
    socket.emit('echo', word, (back) => (back === word ? resolve() : reject(new Error(`echo of ${word}: ${JSON.stringify(back)}`)))),
  );

let left = result.wanted;
const worker = async () => {
  while (left-- > 0) await one();
};
await Promise.all(Array.from({ length: Number(flags['at-once']) }, worker));
console.log(JSON.stringify({ ...result, first }));
// Goodbyes by polling are on their way.
setTimeout(() => process.exit(0), 300);
