/** The report with its indexes, and what can be selected in it. */
import { type PassInfo, type RawNode, type Report, type RuleInfo, Side, type Step, nodeTitle } from "./data.ts";
import { type Fate, Fates } from "./fate.ts";
import { Tree } from "./tree.ts";

export type Which = "before" | "after";
export const SIDES: readonly Which[] = ["before", "after"];

/** What the drawing and the details are about. */
export type Selection =
  | { kind: "none" }
  | { kind: "node"; side: Which; id: number }
  | { kind: "group"; side: Which; group: number }
  | { kind: "value"; side: Which; id: number }
  | { kind: "pass"; pass: string }
  | { kind: "rule"; pass: string; rule: string }
  | { kind: "step"; step: number }
  | { kind: "op"; op: string; domain: string }
  | { kind: "fate"; fate: Fate };

export const NOTHING: Selection = { kind: "none" };

export class Graphs {
  readonly before: Side;
  readonly after: Side;
  readonly trees: Record<Which, Tree>;
  readonly fates: Fates;
  private readonly refusals = new Map<number, { rule: string; pass: string; text: string }[]>();

  constructor(history: NonNullable<Report["history"]>) {
    this.before = new Side(history.before);
    this.after = new Side(history.after);
    this.fates = new Fates(history);
    this.trees = {
      before: new Tree(this.before, (id) => this.fates.ofBefore(id)),
      after: new Tree(this.after, (id) => this.fates.ofAfter(id)),
    };
    for (const { id, rule, pass, text } of history.refused) {
      const known = this.refusals.get(id) ?? [];
      known.push({ rule, pass, text: text ?? "" });
      this.refusals.set(id, known);
    }
  }

  side(which: Which): Side {
    return which === "before" ? this.before : this.after;
  }

  fateOf(which: Which, id: number): Fate {
    return which === "before" ? this.fates.ofBefore(id) : this.fates.ofAfter(id);
  }

  refused(id: number) {
    return this.refusals.get(id) ?? [];
  }

  /** A node of either graph or of neither. */
  node(id: number): RawNode | undefined {
    return this.before.nodes.get(id) ?? this.after.nodes.get(id) ?? this.fates.passing.get(id);
  }

  label(id: number): { title: string; name: string } {
    const node = this.node(id);
    if (!node) return { title: "node", name: String(id) };
    const output = node.out?.[0] ?? -1;
    return { title: nodeTitle(node), name: node.name || this.after.valueName(output) || this.before.valueName(output) };
  }

  steps(of: { pass: string; rule?: string }): number[] {
    const found: number[] = [];
    this.fates.steps.forEach((s, i) => {
      if (s.pass === of.pass && (!of.rule || s.rule === of.rule)) found.push(i);
    });
    return found;
  }

  /** Nodes to be seen in each graph for a selection; null: all alike. */
  emphasized(selection: Selection): Record<Which, Set<number>> | null {
    switch (selection.kind) {
      case "none":
      case "group":
      case "value":
        return null;
      case "node": {
        const { side, id } = selection;
        const other = new Set(this.fates.counterparts(id, side));
        return side === "before" ? { before: new Set([id]), after: other } : { before: other, after: new Set([id]) };
      }
      case "step":
        return this.ofSteps([selection.step]);
      case "pass":
      case "rule":
        return this.ofSteps(this.steps(selection));
      case "op":
        return this.where((node) => node.op === selection.op && (node.domain ?? "") === selection.domain);
      case "fate":
        return {
          before: this.pick(this.before, (n) => this.fates.ofBefore(n.id) === selection.fate),
          after: this.pick(this.after, (n) => this.fates.ofAfter(n.id) === selection.fate),
        };
    }
  }

  private where(test: (node: RawNode) => boolean): Record<Which, Set<number>> {
    return { before: this.pick(this.before, test), after: this.pick(this.after, test) };
  }

  private pick(side: Side, test: (node: RawNode) => boolean): Set<number> {
    return new Set(side.raw.nodes.filter(test).map((n) => n.id));
  }

  /** Before: what the steps took away, by whatever it came from. After: what they made, as what it is now. */
  private ofSteps(steps: readonly number[]): Record<Which, Set<number>> {
    const before = new Set<number>();
    const after = new Set<number>();
    for (const i of steps) {
      const step = this.fates.steps[i] as Step;
      for (const id of step.removed ?? []) for (const origin of this.fates.origins(id)) before.add(origin);
      for (const id of step.made ?? []) for (const now of this.fates.became(id)) after.add(now);
      if (!step.made?.length) for (const id of step.changed ?? []) for (const now of this.fates.became(id)) after.add(now);
    }
    return { before, after };
  }
}

export class World {
  readonly graphs: Graphs | null;
  private readonly passes = new Map<string, PassInfo>();

  constructor(readonly report: Report) {
    this.graphs = report.history ? new Graphs(report.history) : null;
    for (const pass of report.known ?? []) this.passes.set(pass.name, pass);
  }

  pass(name: string): PassInfo | undefined {
    return this.passes.get(name);
  }

  rule(pass: string, rule: string): RuleInfo | undefined {
    return this.passes.get(pass)?.rules.find((r) => r.name === rule);
  }

  /** Rewrites by exactness. */
  exactness(): { bitwise: number; rounding: number } {
    let [bitwise, rounding] = [0, 0];
    for (const r of this.report.rules)
      if (this.rule(r.pass, r.rule)?.bitwise === false) rounding += r.fired;
      else bitwise += r.fired;
    return { bitwise, rounding };
  }
}
