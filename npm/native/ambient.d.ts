/** What the type check of the JavaScript files needs and no package declares. It is not published. */

/** The package of a platform exports the add-on that was built for it. */
declare module '@monocloud/backend-node-*' {
  const native: typeof import('./binding.js');
  export = native;
}

/** `{ __proto__: null }` is a literal without a prototype, so that a polluted one adds no members to it. */
interface PropertyDescriptor {
  __proto__?: null;
}

interface ProxyHandler<T extends object> {
  __proto__?: null;
}

/** Members that `@types/node` 20 lacks. */
declare namespace NodeJS {
  interface ProcessReport {
    excludeNetwork?: boolean;
  }
}

/** Prototype pollution may add a `toJSON`, which `client/json.js` looks for. */
interface Object {
  toJSON?: unknown;
}
