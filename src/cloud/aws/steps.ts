/** The single changes a deployment is made of, as data, so that a plan can be looked at before anything is touched. */

/** One change in AWS. */
export type Step =
  | { readonly do: 'create role' }
  | { readonly do: 'update role trust' }
  | { readonly do: 'put role policy' }
  | { readonly do: 'create log group' }
  | { readonly do: 'set log retention' }
  | { readonly do: 'create function' }
  | { readonly do: 'remove what a calibration left' }
  | { readonly do: 'update function settings'; readonly differing: readonly string[] }
  | { readonly do: 'update function code' }
  | { readonly do: 'tag function' }
  | { readonly do: 'create api' }
  | { readonly do: 'remove spare api'; readonly id: string }
  | { readonly do: 'create resource' }
  | { readonly do: 'put method'; readonly replace: boolean }
  | { readonly do: 'allow gateway'; readonly replace: boolean }
  | { readonly do: 'create deployment' }
  | { readonly do: 'create stage' }
  | { readonly do: 'point stage at deployment' }
  | { readonly do: 'create key' }
  | { readonly do: 'enable key' }
  | { readonly do: 'remove spare key'; readonly id: string }
  | { readonly do: 'remove usage plan'; readonly id: string; readonly stages: readonly string[] }
  | { readonly do: 'create usage plan' }
  | { readonly do: 'add key to usage plan' }
  | { readonly do: 'put alarm' }
  | { readonly do: 'remove alarm' };

/** The step in the operator's words. */
export function describeStep(step: Step): string {
  switch (step.do) {
    case 'update function settings':
      return `${step.do}: ${step.differing.join(', ')}`;
    case 'put method':
      return `${step.replace ? 'replace' : 'put'} method POST with its integration`;
    case 'allow gateway':
      return `${step.replace ? 'renew' : 'give'} the gateway the permission to invoke the function`;
    case 'remove spare api':
    case 'remove spare key':
    case 'remove usage plan':
      return `${step.do} ${step.id}`;
    default:
      return step.do;
  }
}
