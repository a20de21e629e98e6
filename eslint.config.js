/**
 * What the linter holds the code to. Which file may import which is in .dependency-cruiser.js.
 *
 * strictTypeChecked brings the rules that matter most here as errors: no-floating-promises, no-misused-promises,
 * await-thenable, no-explicit-any and no-unsafe-*.
 */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { PURE_FILES } from './pure-files.js';

const EXIT = {
  object: 'process',
  property: 'exit',
  message: 'Only the entry of a process ends it: set process.exitCode, return, or throw.',
};

const CLOCKS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'performance', 'crypto'];
const AMBIENT = 'This file is pure: take the time, the timer or the random number as an argument.';

export default defineConfig(
  { ignores: ['node_modules/', 'coverage/', '.spillway/', 'test/fixtures/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      eqeqeq: 'error',
      'no-constant-binary-expression': 'error',
      'no-fallthrough': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-unsafe-finally': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-restricted-properties': ['error', EXIT],

      // Numbers in a message read well as they are; the rule is kept for objects and undefined.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => emitter.close()` and `return answer(x)` are plain; the rule is kept where a void value is really used.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // The compiler keeps what it knows of a field across an await, so the rule calls a needed second look unnecessary.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // A port's method is async for callers' sake, also in an implementation with nothing to wait for.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    // The dashboard: JavaScript as browsers run it, with its types in comments; src/admin/page/tsconfig.json checks them.
    files: ['src/admin/page/*.js'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      // JSON of the balancer is taken as its own types say; the tests of the page run against the real admin port.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // What is shown is text, whoever wrote it: nothing may be put in as markup.
      'no-restricted-syntax': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'write', 'srcdoc'].map((name) => ({
          selector: `MemberExpression[property.name='${name}']`,
          message: 'Use textContent, append or el(): what is shown may come from anybody.',
        })),
      ],
    },
  },
  { files: ['src/**'], rules: { 'no-console': 'error' } },
  {
    files: ['src/main.ts', 'src/cli/main.ts', 'worker/**', 'scripts/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: PURE_FILES,
    rules: {
      'no-restricted-globals': ['error', ...CLOCKS.map((name) => ({ name, message: AMBIENT }))],
      'no-restricted-properties': [
        'error',
        EXIT,
        { object: 'Date', property: 'now', message: AMBIENT },
        { object: 'Math', property: 'random', message: AMBIENT },
        { object: 'process', property: 'env', message: AMBIENT },
        { object: 'process', property: 'hrtime', message: AMBIENT },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: AMBIENT },
        { selector: "CallExpression[callee.name='Date']", message: AMBIENT },
      ],
    },
  },
  {
    // Columns of a trace and heaps: typed arrays read within their bounds, millions of times.
    files: ['scripts/simulate/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['test/**'],
    rules: {
      // expect(fake.method) hands a method over without calling it.
      '@typescript-eslint/unbound-method': 'off',
      // A test that would read undefined fails by itself, and says where.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
