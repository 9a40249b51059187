// Does `./nestjs` answer as documented on Express and on Fastify?

import { NEST } from '../support/nest.mjs';
import { answersOf } from '../support/protect-answers.mjs';
import { credentialsOf } from '../support/protect-credentials.mjs';
import { preflightsOf } from '../support/protect-preflight.mjs';

for (const framework of NEST) {
  answersOf(framework);
  credentialsOf(framework);
  preflightsOf(framework);
}
