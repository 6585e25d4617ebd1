// The client of the failure ladder: `io(url, {path, transports: ['websocket']})`, which with --fallback switches to
// ['polling', 'websocket'] when it tries again. `node ladder.mjs --help` says how to drive it.
import { parseArgs } from 'node:util';
import { load } from './clients.mjs';
import { commands, main, report } from './lines.mjs';

const HELP = `usage: node ladder.mjs --url URL [--client 4|3|2] [--path /oursocketio] [--transports websocket,polling]
  [--origin ORIGIN | --no-origin] [--fallback] [--namespace /NAME] [--auth JSON] [--header 'Name: value' ...]
  [--options JSON] [--emit COMMAND ...]

  --fallback   on reconnect_attempt, transports become ['polling', 'websocket']
  --auth       the CONNECT packet's payload; with --client 2 the query
  --options    more options of the client, e.g. '{"reconnectionDelay": 50}'
  --emit       a command, as below, run on the first connect

commands, one a line: {"emit": "publish", "args": [...], "ack": true, "id": 1} {"disconnect": true} {"connect": true} {"close": true};
  binary, both ways, is {"type": "Buffer", "data": [0, 255]}
events, one a line: connect upgrade connect_error refused reconnect_attempt disconnect websocket_close message ack failed
The end of standard input closes the client.
`;

const { values: flags } = parseArgs({
  options: {
    client: { type: 'string', default: '4' },
    url: { type: 'string' },
    path: { type: 'string', default: '/socket.io' },
    namespace: { type: 'string', default: '/' },
    transports: { type: 'string', default: 'websocket' },
    origin: { type: 'string' },
    'no-origin': { type: 'boolean' },
    fallback: { type: 'boolean' },
    auth: { type: 'string' },
    header: { type: 'string', multiple: true, default: [] },
    options: { type: 'string', default: '{}' },
    emit: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean' },
  },
});

await main(async () => {
  if (flags.help) return void process.stdout.write(HELP);
  if (!flags.url) throw new Error('--url is missing');
  let refusal;
  const client = load(flags.client, {
    refusals(answer) {
      refusal = answer;
      report('refused', answer);
    },
    closes: (close) => report('websocket_close', close),
  });
  const socket = connect(client);

  socket.on('connect', () => {
    const { engine } = socket.io;
    report('connect', { id: socket.id, transport: engine.transport.name, recovered: socket.recovered });
    engine.on('upgrade', (transport) => report('upgrade', { transport: transport.name }));
  });
  socket.once('connect', () => flags.emit.forEach((command) => run(socket, JSON.parse(command))));
  socket.on('connect_error', (error) => {
    report('connect_error', { ...describe(error), ...pick(refusal, 'transport', 'status', 'body') });
    refusal = undefined;
  });
  // What a namespace refuses is `connect_error` since v3, and was `error` in v2.
  if (flags.client === '2') socket.on('error', (error) => report('connect_error', describe(error)));
  socket.on('disconnect', (reason, details) => {
    report('disconnect', { reason, code: details?.context?.code, description: text(details?.description) });
  });
  client.onReconnectAttempt(socket, (attempt) => {
    if (flags.fallback) socket.io.opts.transports = ['polling', 'websocket'];
    report('reconnect_attempt', { attempt, transports: socket.io.opts.transports });
  });
  client.onAny(socket, (name, args, ack) => {
    report('message', { name, args, wants_ack: Boolean(ack) });
    ack?.();
  });

  for await (const command of commands()) {
    if (command.close) break;
    run(socket, command);
  }
  socket.close();
});

function connect({ io, withAuth }) {
  const headers = Object.fromEntries(flags.header.map((line) => line.split(/:\s*(.*)/s, 2)));
  if (flags.origin && !flags['no-origin']) headers.Origin = flags.origin;
  const options = {
    path: flags.path,
    transports: flags.transports.split(','),
    extraHeaders: headers,
    ...JSON.parse(flags.options),
  };
  const url = new URL(flags.namespace, flags.url).href;
  return io(url, flags.auth ? withAuth(options, JSON.parse(flags.auth)) : options);
}

function run(socket, command) {
  if (command.disconnect) return socket.disconnect();
  if (command.connect) return socket.connect();
  if (typeof command.emit !== 'string') return report('invalid_command', { command });
  const { emit: name, args = [], ack, id } = command;
  socket.emit(name, ...args, ...(ack ? [(...answer) => report('ack', { name, id, args: answer })] : []));
}

function describe(error) {
  // v2 gives the `data` of what a namespace refuses, or its message, and never both.
  if (!(error instanceof Error)) return typeof error === 'string' ? { message: error } : { data: error };
  const { message, description, data } = error;
  return { message, description: text(description), data };
}

function text(description) {
  if (description == null || typeof description === 'number') return description?.toString();
  return description.message ?? description.error?.message ?? (typeof description === 'string' ? description : undefined);
}

function pick(object, ...keys) {
  return Object.fromEntries(keys.map((key) => [key, object?.[key]]));
}
