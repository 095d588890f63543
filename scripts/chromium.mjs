// Where Chromium is installed, and how it starts for a page of our own. Used by the tests as well. Imported, not run.
import { existsSync } from "node:fs"

export const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path)
)

/** As root, without a GPU, and without what it does by itself over the network. */
export const chromiumFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]
