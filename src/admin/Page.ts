import { readFileSync } from "node:fs"

/** The page for people: files that the browser gets as they are. In the built program they lie beside it. */
export interface File {
  readonly path: "/" | `/${string}`
  readonly type: string
  readonly text: string
}

export const files = (): ReadonlyArray<File> => [
  { path: "/", type: "text/html; charset=utf-8", text: read("index.html") },
  { path: "/page.css", type: "text/css; charset=utf-8", text: read("page.css") },
  { path: "/page.js", type: "text/javascript; charset=utf-8", text: read("page.js") }
]

const read = (name: string) => readFileSync(new URL(`page/${name}`, import.meta.url), "utf8")
