/** The bundled text of a worker. */
declare module "worker:*" {
  const text: string;
  export default text;
}
