// Does `./web` answer as documented under Hono, h3, GraphQL Yoga and a plain `fetch` handler?

import { WEB } from '../support/adapters.mjs';
import { answersOf } from '../support/protect-answers.mjs';
import { credentialsOf } from '../support/protect-credentials.mjs';
import { preflightsOf } from '../support/protect-preflight.mjs';

for (const framework of WEB) {
  answersOf(framework);
  credentialsOf(framework);
  preflightsOf(framework);
}
