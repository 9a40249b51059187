// The Express example in two processes of a cluster, behind one port.

import cluster from 'node:cluster';

if (cluster.isPrimary) {
  const ports = new Set();
  let listening = 0;
  cluster.on('listening', (_, { port }) => {
    ports.add(port);
    listening += 1;
    // As one process would say it.
    if (listening === 2) console.log(`listening ${[...ports][0]}`);
  });
  process.on('SIGTERM', () => process.exit());
  cluster.fork();
  cluster.fork();
} else {
  // Its own line would be taken for the primary's.
  console.log = () => {};
  await import('./express.mjs');
}
