// A real client that says in JSON lines what it hears, and does what it reads. Argument: {version, url, path, transports, package}.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { connect } from '../../../clients/js/index.js';

// Node 22 has a WebSocket of its own, which versions 2 and 3 would take for a browser's.
delete globalThis.WebSocket;
const require = createRequire(new URL('../../../tests/clients/package.json', import.meta.url));
const packages = { 2: 'socket.io-client-v2', 3: 'socket.io-client-v3', 4: 'socket.io-client' };

const { version, url, path, transports, package: isPackaged } = JSON.parse(process.argv[2]);
const client = require(packages[version]);
const io = client.io ?? client;
const tell = (line) => console.log(JSON.stringify(line));
const shown = (data) => (Buffer.isBuffer(data) ? { binary: data.toString('hex') } : data);

const options = { path, transports, reconnectionDelay: 100, reconnectionDelayMax: 200, forceNew: true };
const onSession = ({ id, recovered }) => tell({ heard: 'session', id, recovered });
const onGap = ({ reason }) => tell({ heard: 'gap', reason });
const socket = isPackaged ? connect(io, url, options, { onSession, onGap }) : io(url, options);
if (!isPackaged) {
  socket.on('connect', () => onSession({ id: socket.id, recovered: socket.recovered ?? null }));
  socket.on('realtime:gap', onGap);
}
socket.on('disconnect', (reason) => tell({ heard: 'disconnect', reason }));
for (const event of ['message', 'broadcast']) {
  socket.on(event, (message, ...more) => tell({ heard: event, from: message.from, data: shown(message.data), more: more.length }));
}
socket.on('question', (data, answer) => answer({ heard: data }));

createInterface(process.stdin)
  .on('line', (line) => {
    const { emit, id, pause, disconnect } = JSON.parse(line);
    if (emit) socket.emit(emit.event, emit.argument, (answer) => tell({ heard: 'answer', id, answer }));
    if (pause === true) socket.io.engine.transport.ws._socket.pause();
    if (pause === false) socket.io.engine.transport.ws._socket.resume();
    if (disconnect) socket.disconnect();
  })
  .on('close', () => process.exit());
