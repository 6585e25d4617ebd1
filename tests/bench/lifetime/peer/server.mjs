// The same service in Node: socket.io 4 with the Redis streams adapter and its own connection state recovery.
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const redis = createClient({ url: process.env.REDIS_URL });
redis.on('error', (error) => console.error(error.message));
await redis.connect();

const http = createServer((request, response) => response.writeHead(request.url === '/ready' ? 200 : 404).end());
const io = new Server(http, {
  path: process.env.SOCKET_PATH,
  allowEIO3: true,
  adapter: createAdapter(redis),
  connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000 },
});

io.on('connection', (socket) => {
  socket.on('echo', (...args) => args.pop()(...args));
  socket.on('join', async ({ room }, reply) => {
    await socket.join(room);
    reply({ room });
  });
  // A client repeats what was not acknowledged; whoever took it first has published it.
  socket.on('publish', async ({ room, data, id }, reply) => {
    const isNew = await redis.set(`published:${id}`, '1', { NX: true, EX: 120 });
    if (isNew) io.to(room).emit('message', { room, from: socket.id, data });
    reply({ duplicate: !isNew });
  });
});

http.listen(8080);
process.on('SIGTERM', () => io.close(() => process.exit()));
