/* Search in pages that were opened as files: browsers start no worker from there, so what the search would run as a worker
 * runs in a hidden frame instead. With a server this file does nothing. (The theme looks for "iframe-worker" in the name.) */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const quoted = JSON.stringify(String(url)).replace(/</g, "\\u003c");
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      /* In a worker, postMessage() speaks to the page; importScripts() loads one script after the other. */
      this.frame.srcdoc = `<script>
        window.postMessage = data => parent.dispatchEvent(new MessageEvent("message", { data, source: window }));
        window.importScripts = (...urls) => urls.reduce((before, src) => before.then(() => new Promise((done, failed) => {
          const script = document.createElement("script");
          Object.assign(script, { src: new URL(src, ${quoted}), onload: done, onerror: failed });
          document.body.appendChild(script);
        })), Promise.resolve());
      <\/script><script src=${quoted}><\/script>`;
      this.ready = new Promise(done => this.frame.addEventListener("load", done));
      addEventListener("message", event => {
        if (event.source !== this.frame.contentWindow) return;
        const copy = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(copy);
        this.onmessage?.(copy);
      });
      document.body.appendChild(this.frame);
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
