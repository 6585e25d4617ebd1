// A server of Node on the same stream. It says in JSON lines what came of what it reads. Argument: {redis, path}.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(new URL('../../../tests/clients/package.json', import.meta.url));
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/redis-streams-adapter');
const { createClient } = require('redis');

const { redis, path } = JSON.parse(process.argv[2]);
const tell = (line) => console.log(JSON.stringify(line));
const client = createClient({ url: redis });
client.on('error', () => {});
await client.connect();
const server = createServer();
const io = new Server(server, { path, adapter: createAdapter(client), connectionStateRecovery: {}, allowEIO3: true });

io.on('connection', (socket) => {
  socket.on('join', ({ room }, ack) => {
    socket.join(room);
    ack({ room });
  });
  socket.on('publish', ({ room, event = 'message', data }, ack) => {
    socket.to(room).emit(event, { room, from: socket.id, data });
    ack({ delivered: 0 });
  });
});

const target = ({ rooms = [], except = [] }) => io.to(rooms).except(except);
const binary = (data) => (data?.hex ? { file: Buffer.from(data.hex, 'hex'), at: new Date(0) } : data);
const commands = {
  emit: (command) => {
    target(command).emit('message', { from: 'node', data: binary(command.data) });
    return {};
  },
  volatile: (command) => {
    target(command).volatile.emit('message', { from: 'node', data: command.data });
    return {};
  },
  ask: async (command) => ({ answers: await target(command).timeout(5000).emitWithAck('question', command.data) }),
  fetch: async (command) => {
    const sockets = await target(command).fetchSockets();
    return { sockets: sockets.map(({ id, rooms }) => ({ id, rooms: [...rooms] })) };
  },
  join: async (command) => {
    await target(command).socketsJoin(command.join);
    return {};
  },
  leave: async (command) => {
    await target(command).socketsLeave(command.leave);
    return {};
  },
  disconnect: async (command) => {
    await target(command).disconnectSockets();
    return {};
  },
  servers: async () => ({ answers: (await io.serverSideEmitWithAck('who')).length }),
};

createInterface(process.stdin)
  .on('line', async (line) => {
    const command = JSON.parse(line);
    try {
      tell(await commands[command.do](command));
    } catch (error) {
      tell({ error: error.message });
    }
  })
  .on('close', () => process.exit());
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
