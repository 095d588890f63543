// Builds the page for browsers from src/web/. Imported by build.mjs.
//
//   index.html, page-HASH.js, page-HASH.css
//                  the page. The hash is of the contents, so that a browser keeps these files for ever.
//   sw.js          the service worker, which knows these names
//   icon.svg, icon-192.png, icon-512.png, manifest.webmanifest
//   *.br, *.gz     the same, compressed
import { createHash } from "node:crypto"
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import { bundle } from "./bundle.mjs"

/** Browsers since 2022. */
const browser = { platform: "browser", target: ["es2022", "chrome105", "firefox110", "safari16.4"], minify: true }

const statics = "src/web/static"

/** Eight capital letters and digits, as in the names that esbuild makes. */
const hashOf = (bytes) =>
  BigInt(`0x${createHash("sha256").update(bytes).digest("hex")}`)
    .toString(36)
    .toUpperCase()
    .slice(-8)

const contentsOf = ({ outputFiles }) => outputFiles[0].contents

/** Writes a file under a name with its hash. Returns its address. */
const writeHashed = async (folder, name, extension, contents) => {
  const file = `${name}-${hashOf(contents)}.${extension}`
  await writeFile(join(folder, file), contents)
  return `/${file}`
}

/** Compresses as well as it can: this happens once for all visitors. */
const compress = async (path) => {
  const bytes = await readFile(path)
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY }
  await writeFile(`${path}.br`, await promisify(brotliCompress)(bytes, { params }))
  await writeFile(`${path}.gz`, await promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }))
}

/** Builds into this folder. Returns esbuild's description of what the page contains. */
export const buildPage = async (folder) => {
  await mkdir(folder, { recursive: true })
  const [script, style] = await Promise.all([
    bundle({
      ...browser,
      entryPoints: ["src/web/Main.tsx"],
      inject: ["src/web/browser/Buffer.ts"],
      jsx: "automatic",
      jsxImportSource: "preact",
      legalComments: "none", // licenses() carries them
      metafile: true,
      write: false,
      outdir: folder
    }),
    bundle({ ...browser, entryPoints: ["src/web/style.css"], write: false, outdir: folder })
  ])
  const scriptPath = await writeHashed(folder, "page", "js", contentsOf(script))
  const stylePath = await writeHashed(folder, "page", "css", contentsOf(style))
  for (const file of await readdir(statics)) await copyFile(join(statics, file), join(folder, file))
  const html = (await readFile(join(statics, "index.html"), "utf8"))
    .replace("/page.css", stylePath)
    .replace("/page.js", scriptPath)
    .replaceAll(/>\s+</gu, "><")
  await writeFile(join(folder, "index.html"), html)

  const shell = ["/", scriptPath, stylePath, "/icon.svg", "/icon-192.png", "/manifest.webmanifest"]
  await bundle({
    ...browser,
    entryPoints: ["src/web/browser/ServiceWorker.ts"],
    format: "iife",
    define: { ACHAT_SHELL: JSON.stringify(shell), ACHAT_SHELL_VERSION: JSON.stringify(hashOf(html)) },
    outfile: join(folder, "sw.js")
  })
  const texts = (await readdir(folder)).filter((file) => /\.(?:html|js|css|svg|webmanifest)$/u.test(file))
  await Promise.all(texts.map((file) => compress(join(folder, file))))
  return script.metafile
}
