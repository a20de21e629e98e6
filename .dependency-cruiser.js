import { PURE_FILES } from './pure-files.js';

const PURE = PURE_FILES.map((file) => `^${file.replaceAll('.', '\\.')}$`);

/**
 * Who may import whom: docs/decisions and the picture in the README say why. Type-only imports count as imports, except
 * where a rule says otherwise.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Files of a cycle can only be understood, tested and loaded together.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'Nothing imports it and it imports nothing: it is dead, or its importer has lost it.',
      severity: 'error',
      from: { orphan: true, pathNot: ['^handler/functions/', '\\.config\\.[jt]s$', '^test/fixtures/'] },
      to: {},
    },
    {
      name: 'no-unresolvable',
      comment: 'The import leads nowhere. What the dashboard takes from /vendor/, the admin port serves.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^/vendor/' },
    },
    {
      name: 'no-dev-dependency-in-product',
      comment: 'A production install would not have it. Types are erased, so they may come from there.',
      severity: 'error',
      from: { path: '^(src|worker|handler)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'app-is-the-root',
      comment: 'main.ts sees daemon.ts, daemon.ts sees app.ts, and nothing of the product sees main.ts.',
      severity: 'error',
      from: { path: '^(src|worker|handler)/', pathNot: '^src/(main|daemon)\\.ts$' },
      to: { path: '^src/(main|daemon|app)\\.ts$' },
    },
    {
      name: 'parts-meet-in-app',
      comment:
        'rpc, scaling, runtime and cloud meet in app.ts only; of each other they may know the types of a port.',
      severity: 'error',
      from: { path: '^src/(rpc|scaling|runtime|cloud)/' },
      to: {
        path: '^src/(rpc|scaling|runtime|cloud)/',
        pathNot: ['^src/$1/', '^src/runtime/launcher\\.ts$', '^src/cloud/backend\\.ts$'],
      },
    },
    {
      name: 'ports-are-types',
      comment: 'From another part, a port is imported with `import type`: a port brings no code along.',
      severity: 'error',
      from: { path: '^src/(rpc|scaling|runtime|cloud)/' },
      to: {
        path: ['^src/runtime/launcher\\.ts$', '^src/cloud/backend\\.ts$'],
        pathNot: '^src/$1/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'pool-stands-alone',
      comment:
        'The pool knows workers, slots and frames, and no other part; the worker program shares its frames.',
      severity: 'error',
      from: { path: '^src/pool/' },
      to: { path: '^src/', pathNot: ['^src/pool/', '^src/(errors|log|zod)\\.ts$'] },
    },
    {
      name: 'pure-stays-pure',
      comment:
        'A part that only decides imports types, errors, zod and other such parts, and nothing that does things.',
      severity: 'error',
      from: { path: PURE },
      to: {
        pathNot: [
          ...PURE,
          '^src/functions/manifest\\.ts$',
          '^src/zod\\.ts$',
          // isIP and BlockList compute; nothing here may listen or connect (the linter bans the rest by name).
          '^net$',
          '^buffer$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'zod-without-its-languages',
      comment:
        'src/zod.ts loads the part of it that is needed; who takes it from the package loads it a second time.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/zod\\.ts$' },
      to: { path: 'node_modules/zod/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'dockerode-behind-its-port',
      comment: 'Only src/runtime/docker*.ts talks to the engine.',
      severity: 'error',
      from: { path: '^(src|worker|handler)/', pathNot: '^src/runtime/docker[^/]*\\.ts$' },
      to: { path: 'node_modules/(@types/)?(dockerode|docker-modem)/' },
    },
    {
      name: 'aws-behind-its-port',
      comment: 'Only src/cloud/aws/ talks to AWS.',
      severity: 'error',
      from: { path: '^(src|worker|handler)/', pathNot: '^src/cloud/aws/' },
      to: { path: '@(aws-sdk|smithy)/' },
    },
    {
      name: 'product-knows-no-tests',
      comment: 'What is shipped imports nothing from tests, benchmarks or helper scripts.',
      severity: 'error',
      from: { path: '^(src|worker|handler)/' },
      to: { path: '^(test|scripts)/' },
    },
    {
      name: 'worker-stands-alone',
      comment:
        'The worker program is Node, and the frames, the limit of prints and what a same manifest is, which it shares with the balancer; it must start in milliseconds.',
      severity: 'error',
      from: { path: '^worker/' },
      to: {
        pathNot: [
          '^worker/',
          '^src/pool/(call-frame|frames|outgoing|print-limit|protocol|same-manifest)\\.ts$',
        ],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'worker-takes-types-of-the-protocol',
      comment: 'protocol.ts checks messages with zod, which the worker program must not carry along.',
      severity: 'error',
      from: { path: '^worker/' },
      to: { path: '^src/pool/protocol\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'functions-stand-alone',
      comment:
        'What runs in a worker and in the cloud takes from the balancer only the types of the manifest, the error rules, and what it says in the cloud; and from the worker how it loads a bundle.',
      severity: 'error',
      from: { path: '^handler/' },
      to: {
        path: '^(src|worker)/',
        pathNot: ['^src/(errors|functions/manifest|cloud/(event|prints))\\.ts$', '^worker/bundle\\.ts$'],
      },
    },
    {
      name: 'functions-take-types-of-the-manifest',
      comment: 'manifest.ts checks with zod, and would bring a second zod into every bundle.',
      severity: 'error',
      from: { path: '^handler/' },
      to: { path: '^src/functions/manifest\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nobody-imports-functions',
      comment: "The user's functions reach the product as a bundle, never as an import.",
      severity: 'error',
      from: { path: '^(src|worker)/' },
      to: { path: '^handler/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^test/fixtures/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
