// Writes fixtures/node.json: what two servers of Node with @socket.io/redis-streams-adapter say through a Redis that is empty.
// node capture.mjs redis://127.0.0.1:6379 > fixtures/node.json
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../tests/clients/package.json', import.meta.url));
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/redis-streams-adapter');
const { createClient } = require('redis');
const { io: connect } = require('socket.io-client');

const url = process.argv[2];
const moment = () => new Promise((done) => setTimeout(done, 300));
const open = () => createClient({ url }).connect();

async function server() {
  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(await open()), connectionStateRecovery: {} });
  await new Promise((done) => http.listen(0, '127.0.0.1', done));
  return { io, port: http.address().port };
}

const messages = [];
const listener = await open();
const heard = (payload, channel) => {
  messages.push({ channel: String(channel).replace(/[0-9a-f]{16}/, 'UID'), payload: payload.toString('base64') });
};
await listener.pSubscribe('socket.io#*', heard, true);
const [{ io }, other] = [await server(), await server()];
await moment();
other.io.on('connection', (socket) => socket.join('lobby'));
other.io.on('who', (answer) => answer('b'));
const client = connect(`http://127.0.0.1:${other.port}`, { transports: ['websocket'] });
client.on('question', (data, answer) => answer({ heard: data }));
client.on('binary question', (data, answer) => answer(Buffer.from([1, 2])));
await new Promise((done) => client.on('connect', done));

io.emit('message', 'to all', 1, { nested: [true, null, 1.5] });
io.to('lobby').except(['quiet', 'x']).emit('message', { text: 'größe ☃' });
io.to('lobby').volatile.emit('message', 'volatile');
io.to(42).emit('message', 'numeric room');
io.to('lobby').emit('message', Buffer.from([0, 255]), { file: Buffer.from([7]), at: new Date(0), none: undefined });
io.in('lobby').socketsJoin(['attic']);
io.in('lobby').socketsLeave('attic');
io.of('/other').emit('message', 'other namespace');
await io.to('lobby').timeout(1000).emitWithAck('question', 7);
await io.to('lobby').timeout(1000).emitWithAck('binary question', Buffer.from([9]));
await io.in('lobby').fetchSockets();
await io.serverSideEmitWithAck('who');
io.serverSideEmit('hello', { a: 1 });
// Not a goodbye: the session is stored.
client.io.engine.close();
await moment();
const redis = await open();
const [key] = await redis.keys('sio:session:*');
const session = await redis.get(key);
client.disconnect();
io.in('lobby').disconnectSockets(true);
await moment();
const entries = (await redis.xRange('socket.io', '-', '+')).map(({ message }) => ({ ...message }));
console.log(JSON.stringify({ entries, messages, session }, null, 1));
process.exit();
