// Do `./node` under node:http, Connect, Polka and Hapi, `./koa`, and `./express` in Connect and Polka answer as
// documented?

import { CONNECT, KOA, NODE } from '../support/adapters.mjs';
import { answersOf } from '../support/protect-answers.mjs';
import { credentialsOf } from '../support/protect-credentials.mjs';
import { preflightsOf } from '../support/protect-preflight.mjs';

for (const framework of [...NODE, ...KOA, ...CONNECT]) {
  answersOf(framework);
  credentialsOf(framework);
  preflightsOf(framework);
}
