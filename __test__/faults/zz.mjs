import { spawn } from 'node:child_process';
import { hang, status, delay } from '/work/main/__test__/faults/bodies.mjs';
import { startIssuerBehindProxy } from '/work/main/__test__/faults/issuers.mjs';
const server = await startIssuerBehindProxy();
let n = 0;
server.proxy.fault('/jwks', (x) => { n++; return n % 3 === 0 ? hang()(x) : n % 3 === 1 ? x.proxy.forward(x.request, x.response, x.body) : status(500)(x); });
server.proxy.fault('/introspect', hang());
const tokens = [server.sign(), server.sign({ alg: 'ES512' }), server.sign({ header: { kid: 'unknown' } })];
for (const PACKAGE of process.argv.slice(3)) {
const t = performance.now();
const child = spawn(process.execPath, ['/work/main/__test__/faults/workers.child.mjs'], { cwd: '/work/main', stdio: 'inherit', env: { ...process.env, ISSUER: server.issuer, TOKENS: JSON.stringify(tokens), WORKERS: process.argv[2], WARM_UP: '200', PACKAGE } });
await new Promise(r => child.on('close', (c, s) => { console.log(PACKAGE, c, s, Math.round(performance.now() - t)); r(); }));
}
await server.close();
