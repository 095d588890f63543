/** The program of the installed Chromium; undefined if there is none. */
export declare const chromiumPath: string | undefined
export declare const chromiumFlags: ReadonlyArray<string>
