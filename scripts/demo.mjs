// `npm run demo`: installs, builds, and shows the main features with an embedded authorization server.

import { progress } from './progress.mjs';
import { build, install, run } from './setup.mjs';

const steps = progress(3, { hasOutput: true });
steps.step('installs the dependencies');
install();
steps.step('builds the add-on, on a fresh machine for some minutes');
build();
steps.step('runs the demo');
run(process.execPath, ['demo/demo.mjs', ...process.argv.slice(2)]);
