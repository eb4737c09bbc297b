// Runs a worker's script in a hidden frame. Browsers refuse real workers on pages from disk, and
// the site's search needs one. `extra.polyfills` in mkdocs.yml loads this file.
"use strict";

if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.queue = []; // messages from before the script is loaded
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html>";
      frame.addEventListener("load", () => {
        this.scope = frame.contentWindow;
        this.scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        const script = this.scope.document.createElement("script");
        script.src = url;
        script.addEventListener("load", () => {
          for (const data of this.queue) this.deliver(data);
          this.queue = null;
        });
        this.scope.document.head.append(script);
      }, { once: true });
      document.body.append(frame);
    }

    postMessage(data) {
      if (this.queue) this.queue.push(data);
      else this.deliver(data);
    }

    deliver(data) {
      this.scope.dispatchEvent(new MessageEvent("message", { data }));
    }
  };
  window.Worker = window.IFrameWorker;
}
