// The events of the bundled server that the bench uses, with socket.io 4 as its documentation has it.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http);

io.on('connection', (socket) => {
  socket.on('echo', (...args) => args.pop()(...args));
  socket.on('join', async ({ room }, reply) => {
    await socket.join(room);
    reply({ room });
  });
  socket.on('publish', ({ room, data }) => io.to(room).emit('message', { room, from: socket.id, data }));
});

http.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ listening: `127.0.0.1:${http.address().port}` })));
