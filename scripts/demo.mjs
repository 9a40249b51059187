// `npm run demo`: installs, builds, and shows the main features with an embedded authorization server.

import { build, install, run } from './setup.mjs';

install();
build();
run(process.execPath, ['demo/demo.mjs', ...process.argv.slice(2)]);
