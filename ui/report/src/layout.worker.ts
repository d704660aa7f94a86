/** Lays out the inside of groups: boxes in layers from top to bottom. Knows nothing of ONNX. */
import { Graph, layout } from "@dagrejs/dagre";
import type { Arrangement, Job } from "./layout.ts";

const DENSE = 90; // boxes from which the quick ranking is taken

function arrange(job: Job): Arrangement {
  const graph = new Graph();
  graph.setGraph({
    rankdir: "TB",
    nodesep: 16,
    edgesep: 10,
    ranksep: 26,
    ranker: job.boxes.length > DENSE ? "longest-path" : "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  job.boxes.forEach(([width, height], i) => graph.setNode(String(i), { width, height }));
  for (const [from, to, weight] of job.edges)
    graph.setEdge(String(from), String(to), { weight: Math.min(weight, 8) });
  layout(graph);
  const size = graph.graph();
  return {
    id: job.id,
    width: size.width ?? 0,
    height: size.height ?? 0,
    centers: job.boxes.map((_, i) => {
      const { x = 0, y = 0 } = graph.node(String(i));
      return [x, y];
    }),
    paths: job.edges.map(([from, to]) =>
      (graph.edge(String(from), String(to))?.points ?? []).map((p: { x: number; y: number }): [number, number] => [p.x, p.y]),
    ),
  };
}

self.onmessage = (event: MessageEvent<Job[]>) => {
  self.postMessage(event.data.map(arrange));
};
