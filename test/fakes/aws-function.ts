/** The fake AWS's function, and what belongs to it: role and log group. One of each. */
import { createHash } from 'node:crypto';
import { strFromU8, unzipSync } from 'fflate';
import { fault, iamFault, ok, type Answer, type Json } from './aws-answers.ts';

interface Fn {
  readonly config: Json;
  tags: Json;
  statements: Json[];
  zip: Uint8Array;
  /** What is served until an update has settled. */
  servedZip: Uint8Array;
  /** Polls until a state that takes time is over. */
  busyPolls: number;
}

const ACCOUNT = '123456789012';
const REGION = 'eu-central-1';

export class FakeFunctions {
  fn: Fn | undefined;
  role: { readonly trust: string; policy: string | undefined; readonly tags: string } | undefined;
  logGroup: { retentionInDays?: number } | undefined;
  /** How many tries of CreateFunction don't know the role yet. */
  roleUnknownTries = 0;
  /** How many polls a new or updated function takes to settle. */
  settlePolls = 0;

  /** The bundle's hash in the zip that is served: the old one until an update has settled. */
  get servedHash(): string | undefined {
    if (this.fn === undefined) return undefined;
    const file = unzipSync(this.fn.busyPolls > 0 ? this.fn.servedZip : this.fn.zip)['bundle.hash'];
    return file === undefined ? undefined : strFromU8(file);
  }

  getFunction(): Answer {
    if (this.fn === undefined) return fault(404, 'ResourceNotFoundException', 'Function not found');
    const { config, tags, busyPolls } = this.fn;
    this.fn.busyPolls = Math.max(0, busyPolls - 1);
    const created = config['LastUpdateStatus'] === undefined;
    const states = busyPolls === 0 ? { State: 'Active', LastUpdateStatus: 'Successful' } : {};
    const busy = created ? { State: 'Pending' } : { State: 'Active', LastUpdateStatus: 'InProgress' };
    return ok({ Configuration: { ...config, ...(busyPolls > 0 ? busy : states) }, Tags: tags });
  }

  createFunction(body: Json): Answer {
    if (this.fn !== undefined) return fault(409, 'ResourceConflictException', 'Function already exist: it');
    if (this.roleUnknownTries > 0) {
      this.roleUnknownTries -= 1;
      const message = 'The role defined for the function cannot be assumed by Lambda.';
      return fault(400, 'InvalidParameterValueException', message);
    }
    const { Code, Tags, ...settings } = body;
    const zip = Buffer.from(String((Code as Json)['ZipFile']), 'base64');
    const FunctionArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${String(body['FunctionName'])}`;
    const config = { ...settings, FunctionArn, CodeSha256: sha256(zip) };
    this.fn = {
      config,
      tags: Tags as Json,
      statements: [],
      zip,
      servedZip: zip,
      busyPolls: this.settlePolls,
    };
    return ok(config, 201);
  }

  updateCode(body: Json): Answer {
    return this.#update((fn) => {
      fn.servedZip = fn.zip;
      fn.zip = Buffer.from(String(body['ZipFile']), 'base64');
      Object.assign(fn.config, { CodeSha256: sha256(fn.zip), Architectures: body['Architectures'] });
    });
  }

  updateConfiguration(body: Json): Answer {
    return this.#update((fn) => Object.assign(fn.config, body));
  }

  deleteFunction(): Answer {
    if (this.fn === undefined) return fault(404, 'ResourceNotFoundException', 'Function not found');
    this.fn = undefined;
    return ok({}, 204);
  }

  getPolicy(): Answer {
    const statements = this.fn?.statements ?? [];
    if (statements.length === 0)
      return fault(404, 'ResourceNotFoundException', 'The resource you requested does not exist.');
    return ok({ Policy: JSON.stringify({ Version: '2012-10-17', Statement: statements }) });
  }

  addPermission(body: Json): Answer {
    const Sid = body['StatementId'];
    if (this.fn?.statements.some((statement) => statement['Sid'] === Sid) === true) {
      return fault(
        409,
        'ResourceConflictException',
        `The statement id (${String(Sid)}) provided already exists.`,
      );
    }
    this.fn?.statements.push({ Sid, Condition: { ArnLike: { 'AWS:SourceArn': body['SourceArn'] } } });
    return ok({}, 201);
  }

  removePermission(): Answer {
    if (this.fn !== undefined) this.fn.statements = [];
    return ok({}, 204);
  }

  tagFunction(body: Json): Answer {
    if (this.fn !== undefined) this.fn.tags = { ...this.fn.tags, ...(body['Tags'] as Json) };
    return ok({}, 204);
  }

  logs(operation: string, body: Json): Answer {
    if (operation === 'CreateLogGroup') this.logGroup = {};
    else if (operation === 'PutRetentionPolicy')
      this.logGroup = { retentionInDays: Number(body['retentionInDays']) };
    else if (operation === 'DeleteLogGroup') this.logGroup = undefined;
    const group = { logGroupName: body['logGroupNamePrefix'], ...this.logGroup };
    const groups = this.logGroup === undefined ? [] : [group];
    return ok(operation === 'DescribeLogGroups' ? { logGroups: groups } : {});
  }

  iam(action: string, form: URLSearchParams): Answer {
    if (action === 'CreateRole') {
      const tags = [1, 2, 3].map(
        (n) => [form.get(`Tags.member.${n}.Key`), form.get(`Tags.member.${n}.Value`)] as const,
      );
      const members = tags.map(([key, value]) =>
        key === null ? '' : `<member><Key>${key}</Key><Value>${value ?? ''}</Value></member>`,
      );
      this.role = {
        trust: form.get('AssumeRolePolicyDocument') ?? '',
        policy: undefined,
        tags: members.join(''),
      };
    }
    if (this.role === undefined) return iamFault('NoSuchEntity');
    if (action === 'PutRolePolicy') this.role.policy = form.get('PolicyDocument') ?? '';
    if (action === 'DeleteRolePolicy') this.role.policy = undefined;
    if (action === 'GetRolePolicy' && this.role.policy === undefined) return iamFault('NoSuchEntity');
    if (action === 'DeleteRole' && this.role.policy !== undefined) return iamFault('DeleteConflict');
    const { trust, policy, tags } = this.role;
    if (action === 'DeleteRole') this.role = undefined;
    const arn = `<Arn>arn:aws:iam::${ACCOUNT}:role/${form.get('RoleName') ?? ''}</Arn>`;
    const role = `<Role>${arn}<AssumeRolePolicyDocument>${encodeURIComponent(trust)}</AssumeRolePolicyDocument><Tags>${tags}</Tags></Role>`;
    const inner =
      action === 'GetRolePolicy'
        ? `<PolicyDocument>${encodeURIComponent(policy ?? '')}</PolicyDocument>`
        : role;
    const text = `<${action}Response><${action}Result>${inner}</${action}Result></${action}Response>`;
    return { status: 200, headers: { 'content-type': 'text/xml' }, text };
  }

  #update(change: (fn: Fn) => void): Answer {
    if (this.fn === undefined) return fault(404, 'ResourceNotFoundException', 'Function not found');
    if (this.fn.busyPolls > 0) {
      this.fn.busyPolls -= 1;
      const message =
        'The operation cannot be performed at this time. An update is in progress for resource: it';
      return fault(409, 'ResourceConflictException', message);
    }
    change(this.fn);
    this.fn.config['LastUpdateStatus'] = 'Successful';
    this.fn.busyPolls = this.settlePolls;
    return ok(this.fn.config);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}
