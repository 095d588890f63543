import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"

/** The files of the page, which the build puts into `dist/web/`. */

/** One file, in the encodings that the build has made of it. */
export interface Asset {
  readonly contentType: string
  readonly cacheControl: string
  readonly etag: string
  /** By the name of the encoding, the smallest first; `identity` is the file itself. */
  readonly encodings: ReadonlyMap<string, Uint8Array>
}

/** By their paths: `/`, `/app-5JQ2X7.js`. */
export type Assets = ReadonlyMap<string, Asset>

const contentTypes: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2"
}

const encodings = [
  { name: "br", extension: ".br" },
  { name: "gzip", extension: ".gz" }
] as const

/** A name with a hash of the content, which never changes: `app-5JQ2X7AB.js`. */
const hashedName = /-[\dA-Z]{8}\.\w+$/u

/** What a clone serves in which the page was not built. */
const placeholder = `<!doctype html>
<meta charset="utf-8">
<title>a-chat</title>
<p>The chat is here, at <code>/chat</code>; its page was not built.</p>
`

/** Reads all files into memory: they are few and small, and no request can then reach any other file. */
export const read = (folder = fileURLToPath(new URL("web/", import.meta.url))): Assets => {
  const files = new Map(filesIn(folder).map((path) => [path, readFileSync(Path.join(folder, path))]))
  if (!files.has("index.html")) files.set("index.html", Buffer.from(placeholder))
  const assets = new Map<string, Asset>()
  for (const [path, identity] of files) {
    if (encodings.some(({ extension }) => path.endsWith(extension))) continue
    const compressed = encodings.flatMap(({ extension, name }) => {
      const bytes = files.get(path + extension)
      return bytes === undefined ? [] : [[name, bytes] as const]
    })
    assets.set(path === "index.html" ? "/" : `/${path}`, {
      contentType: contentTypes[Path.extname(path)] ?? "application/octet-stream",
      cacheControl: hashedName.test(path) ? "public, max-age=31536000, immutable" : "no-cache",
      etag: `"${createHash("sha256").update(identity).digest("base64url").slice(0, 22)}"`,
      encodings: new Map<string, Uint8Array>([...compressed, ["identity", identity]])
    })
  }
  return assets
}

const filesIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => Path.relative(folder, Path.join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
  } catch {
    return []
  }
}

/** Sends a file, or 304 to a client that has it. */
export const serve = ({ headers, method }: IncomingMessage, response: ServerResponse, asset: Asset): void => {
  response.setHeader("cache-control", asset.cacheControl)
  response.setHeader("etag", asset.etag)
  response.setHeader("vary", "accept-encoding")
  if (headers["if-none-match"] === asset.etag) {
    response.writeHead(304).end()
    return
  }
  const [encoding, bytes] = chosen(asset, headers["accept-encoding"])
  if (encoding !== "identity") response.setHeader("content-encoding", encoding)
  response.writeHead(200, { "content-type": asset.contentType, "content-length": bytes.length })
  response.end(method === "HEAD" ? undefined : bytes)
}

const chosen = ({ encodings }: Asset, accepted = ""): readonly [encoding: string, bytes: Uint8Array] => {
  const names = new Set(accepted.split(",").map((part) => part.trim()))
  for (const [name, bytes] of encodings) if (names.has(name)) return [name, bytes]
  return ["identity", encodings.get("identity") ?? new Uint8Array()]
}
