/** What `onnxslim --report` puts into the page, and its indexes. The fields: docs/report.md. */

export interface Change {
  before: number;
  after: number;
}

export interface OpCount extends Change {
  domain: string;
  op_type: string;
}

export interface Stat {
  tried: number;
  fired: number;
  missed: number;
  nodes: number;
  bytes: number;
  seconds: number;
}

export interface PassStat extends Stat {
  name: string;
}

export interface RuleStat extends Stat {
  pass: string;
  rule: string;
}

export interface RawNode {
  id: number;
  graph?: number;
  op: string;
  domain?: string;
  name?: string;
  in?: number[];
  out?: number[];
  attrs?: Record<string, string>;
}

export interface RawGraph {
  kind: "model" | "body" | "function";
  name?: string;
  domain?: string;
  owner?: number;
  attribute?: string;
  in?: number[];
  out?: number[];
}

export interface RawValue {
  id: number;
  name: string;
  type?: string;
}

export interface RawConstant {
  value: number;
  bytes: number;
  deferred?: boolean;
  external?: boolean;
}

export interface RawSide {
  graphs: RawGraph[];
  values: RawValue[];
  constants: RawConstant[];
  nodes: RawNode[];
}

export interface Step {
  pass: string;
  rule: string;
  node?: string;
  text?: string;
  bytes?: number;
  removed?: number[];
  made?: number[];
  changed?: number[];
}

export interface Refusal {
  id: number;
  pass: string;
  rule: string;
  text?: string;
}

export interface Verification {
  passed: boolean;
  bitwise: boolean;
  seeds: number;
  max_diff: number | null;
  failure: string | null;
  runtime: string | null;
}

export interface RuleInfo {
  name: string;
  doc: string | null;
  match: string | null;
  replace: string | null;
  bitwise: boolean;
}

export interface PassInfo {
  name: string;
  doc: string;
  bitwise: boolean;
  rules: RuleInfo[];
}

export interface Report {
  version: string;
  input: string | null;
  output: string | null;
  rewrites: number;
  nodes: Change;
  bytes: Change;
  seconds: { read: number; optimize: number; write: number; verify: number };
  frozen: { value: string; is_input: boolean; axis: number; dim: string | null; size: number }[];
  opset?: { before: number; after: number; reason: string | null };
  ops: OpCount[];
  passes: PassStat[];
  rules: RuleStat[];
  target?: {
    target: string;
    through: string;
    refused: number;
    risky: number;
    untried: number;
    findings: { verdict: string; where: string; reason: string }[];
  };
  verification?: Verification;
  known?: PassInfo[];
  history?: {
    before: RawSide;
    after: RawSide;
    rewrites: Step[];
    passing: RawNode[];
    refused: Refusal[];
  };
}

/** One of the two graphs, with what is needed to walk it. */
export class Side {
  readonly nodes = new Map<number, RawNode>();
  readonly order = new Map<number, number>();
  readonly values = new Map<number, RawValue>();
  readonly constants = new Map<number, RawConstant>();
  readonly producer = new Map<number, RawNode>();
  readonly readers = new Map<number, RawNode[]>();

  constructor(readonly raw: RawSide) {
    for (const value of raw.values) this.values.set(value.id, value);
    for (const constant of raw.constants) this.constants.set(constant.value, constant);
    for (const node of raw.nodes) {
      this.order.set(node.id, this.nodes.size);
      this.nodes.set(node.id, node);
      for (const id of node.out ?? []) this.producer.set(id, node);
    }
    for (const node of raw.nodes)
      for (const id of new Set(node.in ?? [])) {
        const readers = this.readers.get(id);
        if (readers) readers.push(node);
        else this.readers.set(id, [node]);
      }
  }

  valueName(id: number): string {
    return this.values.get(id)?.name ?? "";
  }

  /** A node that holds a constant and nothing else. */
  static holds(node: RawNode): boolean {
    return node.op === "Constant" && !node.domain;
  }
}

export function nodeTitle(node: RawNode): string {
  return node.domain ? `${node.domain}::${node.op}` : node.op;
}
