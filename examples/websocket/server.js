// WebSockets with `ws` at /chat, and Socket.IO at /socket.io/. Both close when the token ends, and take a new one before.

import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/node';
import { authenticateUpgrade, closeOnExpiry, socketIoMiddleware } from '@monocloud/backend-node/ws';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const client = new MonoCloudBackendNodeClient();
const guard = protectApi(client)({ scopes: ['chat'] });

const server = createServer((request, response) => response.writeHead(404).end());

// A browser sends its token as new WebSocket(url, ['bearer', token]).
const authenticate = authenticateUpgrade(guard, { subprotocol: true });
const chat = new WebSocketServer({ noServer: true });

server.on('upgrade', async (request, socket, head) => {
  // Socket.IO handles its own path.
  if (!request.url.startsWith('/chat')) return;
  const auth = await authenticate(request, socket);
  if (!auth) return;
  chat.handleUpgrade(request, socket, head, (ws) => {
    closeOnExpiry(auth, (code, reason) => ws.close(code, reason), { recheck: 300 });
    ws.on('close', () => auth.dispose());
    ws.on('message', (data) => answer(ws, auth, String(data)));
  });
});

/** A message is `renew TOKEN`, or a text for everyone. */
async function answer(ws, auth, text) {
  // The connection is closing. The client may still send.
  if (!auth.isActive) return;
  const [, token] = /^renew (\S+)$/.exec(text) ?? [];
  if (!token) {
    for (const other of chat.clients) other.send(`${auth.claims.sub}: ${text}`);
    return;
  }
  try {
    await auth.renew(token);
    ws.send('renewed');
  } catch (error) {
    ws.send(`not renewed: ${error.reason}`);
  }
}

const io = new Server(server, { destroyUpgrade: false });
io.use(socketIoMiddleware(guard));
io.on('connection', (socket) => {
  socket.on('say', (text) => io.emit('said', `${socket.data.auth.claims.sub}: ${text}`));
  socket.on('renew', (token, done) => {
    socket.data.auth.renew(token).then(
      () => done('renewed'),
      ({ reason }) => done(`not renewed: ${reason}`),
    );
  });
});

server.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
