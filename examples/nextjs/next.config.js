export default {
  // The bundler cannot include a native add-on.
  serverExternalPackages: ['@monocloud/backend-node'],
};
