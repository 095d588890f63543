import { readFileSync } from "node:fs"

/** A file of the web page, served unchanged. The build copies these files next to the program. */
export interface WebFile {
  readonly path: "/" | `/${string}`
  readonly contentType: string
  readonly text: string
}

export const files = (): ReadonlyArray<WebFile> => [
  { path: "/", contentType: "text/html; charset=utf-8", text: read("index.html") },
  { path: "/page.css", contentType: "text/css; charset=utf-8", text: read("page.css") },
  { path: "/page.js", contentType: "text/javascript; charset=utf-8", text: read("page.js") }
]

const read = (name: string) => readFileSync(new URL(`page/${name}`, import.meta.url), "utf8")
