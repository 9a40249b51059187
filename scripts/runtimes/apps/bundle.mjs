// Bundles the Express example as the README explains: the native part stays outside, as a dependency of the
// deployment. `node bundle.mjs esbuild|webpack` writes bundle-<name>.cjs here.

import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const [, , name] = process.argv;
const output = `bundle-${name}.cjs`;

const BUNDLERS = {
  async esbuild() {
    const { build } = await import('esbuild');
    await build({
      entryPoints: [`${here}express.mjs`],
      outfile: here + output,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['@monocloud/backend-node-*'],
      logLevel: 'warning',
    });
  },
  async webpack() {
    const { default: webpack } = await import('webpack');
    const compiler = webpack({
      mode: 'production',
      target: 'node',
      entry: `${here}express.mjs`,
      output: { path: here, filename: output },
      externals: [/^@monocloud\/backend-node-/],
      externalsType: 'commonjs',
      // Express itself requires by expression (its view engines).
      ignoreWarnings: [{ module: /node_modules\/express\// }],
    });
    await new Promise((resolve, reject) => {
      compiler.run((error, stats) => {
        const problem =
          error ??
          (stats.hasErrors() || stats.hasWarnings() ? new Error(stats.toString('errors-warnings')) : undefined);
        compiler.close(() => (problem ? reject(problem) : resolve()));
      });
    });
  },
};

await BUNDLERS[name]();
