/** The bundled text of a worker (build.mjs). */
declare module "worker:*" {
  const source: string;
  export default source;
}
