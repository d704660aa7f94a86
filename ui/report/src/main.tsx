import { render } from "preact";
import { App } from "./app.tsx";
import type { Report } from "./data.ts";
import { applyTheme, storedTheme } from "./theme.ts";

applyTheme(storedTheme());
const root = document.getElementById("app") as HTMLElement;
const text = document.getElementById("data")?.textContent?.trim();
root.textContent = "";
if (text) render(<App report={JSON.parse(text) as Report} />, root);
else render(<p class="empty">This page holds no report. It is the template that onnxslim --report fills in.</p>, root);
