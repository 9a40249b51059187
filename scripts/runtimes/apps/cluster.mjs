// The Express example in two processes of a cluster, behind one port.

import cluster from 'node:cluster';

if (cluster.isPrimary) {
  const ports = new Set();
  let listening = 0;
  cluster.on('listening', (_, { port }) => {
    ports.add(port);
    listening += 1;
    // The same line that a single process prints.
    if (listening === 2) console.log(`listening ${[...ports][0]}`);
  });
  process.on('SIGTERM', () => process.exit());
  cluster.fork();
  cluster.fork();
} else {
  // The test would read its line as the primary's.
  console.log = () => {};
  await import('./express.mjs');
}
