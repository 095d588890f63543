;; The routines that see every byte a client sends, sixteen bytes at a time (128-bit SIMD).
;;
;; `npm run routines` compiles this file to BlockRoutines.wasm.ts, which is checked in. PlainRoutines.ts does the same
;; in JavaScript; the tests compare the two. Bytes are compared unsigned.
;;
;; Memory, 10 pages of 64 KiB. The caller puts 32 LFs after the text, since the routines read up to 32 bytes past it.
;;
;;   0x00000  the text, up to 64 KiB, and the LFs after it
;;   0x10400  the prefix to look for
;;   0x12800  the replacement of the prefix
;;   0x20000  the result
(module
  (memory (export "memory") 10)
  (global (export "textBytes") i32 (i32.const 0x10000))
  (global (export "prefixAt") i32 (i32.const 0x10400))
  (global (export "prefixBytes") i32 (i32.const 0x2000))
  (global (export "replacementAt") i32 (i32.const 0x12800))
  (global (export "replacementBytes") i32 (i32.const 0x200))
  (global (export "resultAt") i32 (i32.const 0x20000))
  (global (export "resultBytes") i32 (i32.const 0x7ffc0)) ;; 64 fewer than fit: the last store may be a whole vector
  (global $unframed (export "unframed") (mut i32) (i32.const 0))

  ;; Whether sixteen bytes contain a control character that a line must not contain. $next holds, for each byte of
  ;; $here, the byte after it: an LF makes a CR harmless, and anything from A0 on means that a C2 starts no C1
  ;; character.
  (func $anyControl (param $here v128) (param $next v128) (result i32)
    (v128.andnot
      (i8x16.lt_u (local.get $here) (i8x16.splat (i32.const 0x20))) ;; C0, but not ...
      (v128.or
        (v128.or
          (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x0a))) ;; LF,
          (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x09)))) ;; TAB,
        (v128.and ;; CR LF
          (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x0d)))
          (i8x16.eq (local.get $next) (i8x16.splat (i32.const 0x0a))))))
    (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x7f))) ;; DEL
    (v128.or)
    (v128.and ;; C1
      (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0xc2)))
      (i8x16.lt_u (local.get $next) (i8x16.splat (i32.const 0xa0))))
    (v128.or)
    (v128.any_true))

  ;; Whether the first $length bytes of the text contain a control character: 1 or 0.
  (func (export "hasControl") (param $length i32) (result i32)
    (local $at i32)
    (local $here v128)
    (loop $more
      (local.set $here (v128.load (local.get $at)))
      ;; Most vectors contain no candidate: C0 but LF and TAB, DEL, or a C2. V8 does not inline the call below, which
      ;; would take twice as long for each vector.
      (v128.andnot
        (i8x16.lt_u (local.get $here) (i8x16.splat (i32.const 0x20)))
        (v128.or
          (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x0a)))
          (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x09)))))
      (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x7f)))
      (v128.or)
      (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0xc2)))
      (v128.or)
      (if (v128.any_true)
        (then
          (if (call $anyControl (local.get $here) (v128.load offset=1 (local.get $at)))
            (then (return (i32.const 1))))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $more (i32.lt_u (local.get $at) (local.get $length))))
    (i32.const 0))

  ;; How many LFs the text contains. The caller puts zeros after it instead, up to a whole vector.
  (func (export "countLineFeeds") (param $length i32) (result i32)
    (local $at i32)
    (local $lines i32)
    (loop $more
      (local.set $lines
        (i32.add
          (local.get $lines)
          (i32.popcnt
            (i8x16.bitmask (i8x16.eq (v128.load (local.get $at)) (i8x16.splat (i32.const 0x0a)))))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $more (i32.lt_u (local.get $at) (local.get $length))))
    (local.get $lines))

  ;; Copies the text to the result, with the replacement instead of the prefix at the start of each line. Returns the
  ;; number of lines, or -1 if a line does not start with the prefix, contains a control character, or may have white
  ;; space after the prefix or at its end, which would have to be trimmed.
  (func (export "replacePrefix") (param $length i32) (param $prefixLength i32) (param $replacementLength i32) (result i32)
    (local $at i32) ;; in the text
    (local $out i32) ;; in the result
    (local $step i32) ;; in the prefix or the replacement
    (local $byte i32)
    (local $lines i32)
    (local $feeds i32) ;; one bit for each LF of a vector
    (local $here v128)
    (local $next v128)
    (loop $line
      ;; The prefix.
      (local.set $step (i32.const 0))
      (loop $compare
        (if (i32.ne
              (i32.load8_u (i32.add (local.get $at) (local.get $step)))
              (i32.load8_u offset=0x10400 (local.get $step)))
          (then (return (i32.const -1))))
        (local.set $step (i32.add (local.get $step) (i32.const 1)))
        (br_if $compare (i32.lt_u (local.get $step) (local.get $prefixLength))))
      (local.set $at (i32.add (local.get $at) (local.get $prefixLength)))

      ;; After it: ASCII white space or the end of the line, or the first byte of a character that may be white space
      ;; (C2, E1, E2, E3: U+0085 to U+3000).
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.lt_u (local.get $byte) (i32.const 0x21)) (then (return (i32.const -1))))
      (if (i32.eq (local.get $byte) (i32.const 0xc2)) (then (return (i32.const -1))))
      (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 0xe1)) (i32.const 3)) (then (return (i32.const -1))))

      ;; The replacement, in whole vectors: what is copied too much is overwritten by the text.
      (local.set $step (i32.const 0))
      (loop $copy
        (v128.store offset=0x20000
          (i32.add (local.get $out) (local.get $step))
          (v128.load offset=0x12800 (local.get $step)))
        (local.set $step (i32.add (local.get $step) (i32.const 16)))
        (br_if $copy (i32.lt_u (local.get $step) (local.get $replacementLength))))
      (local.set $out (i32.add (local.get $out) (local.get $replacementLength)))

      ;; The rest of the line, also in whole vectors: what is copied too much is overwritten by the next line.
      (loop $text
        (local.set $here (v128.load (local.get $at)))
        (local.set $next (v128.load offset=16 (local.get $at)))
        (v128.store offset=0x20000 (local.get $out) (local.get $here))
        (v128.store offset=0x20010 (local.get $out) (local.get $next))
        ;; Most vectors contain no LF and nothing that could be a control character: skip two of them at a time.
        (i8x16.lt_u (local.get $here) (i8x16.splat (i32.const 0x20)))
        (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x7f)))
        (v128.or)
        (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0xc2)))
        (v128.or)
        (i8x16.lt_u (local.get $next) (i8x16.splat (i32.const 0x20)))
        (i8x16.eq (local.get $next) (i8x16.splat (i32.const 0x7f)))
        (v128.or)
        (i8x16.eq (local.get $next) (i8x16.splat (i32.const 0xc2)))
        (v128.or)
        (v128.or)
        (if (i32.eqz (v128.any_true))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 32)))
            (local.set $out (i32.add (local.get $out) (i32.const 32)))
            (br $text)))
        (if (call $anyControl (local.get $here) (v128.load offset=1 (local.get $at))) (then (return (i32.const -1))))
        (local.set $feeds (i8x16.bitmask (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x0a)))))
        (if (i32.eqz (local.get $feeds)) ;; the line continues
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (local.set $out (i32.add (local.get $out) (i32.const 16)))
            (br $text))))

      ;; Continue after the first LF.
      (local.set $step (i32.add (i32.ctz (local.get $feeds)) (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (local.get $step)))
      (local.set $out (i32.add (local.get $out) (local.get $step)))

      ;; Before that LF: ASCII white space, or a character of two or three bytes that may be white space.
      (if (i32.lt_u (i32.load8_u (i32.sub (local.get $at) (i32.const 2))) (i32.const 0x21))
        (then (return (i32.const -1))))
      (if (i32.eq (i32.load8_u (i32.sub (local.get $at) (i32.const 3))) (i32.const 0xc2))
        (then (return (i32.const -1))))
      (if (i32.lt_u (i32.sub (i32.load8_u (i32.sub (local.get $at) (i32.const 4))) (i32.const 0xe1)) (i32.const 3))
        (then (return (i32.const -1))))

      (local.set $lines (i32.add (local.get $lines) (i32.const 1)))
      (br_if $line (i32.lt_u (local.get $at) (local.get $length))))
    (local.get $lines))

  ;; Takes the frames of WebSocket at the beginning of the text that are masked text messages of their own, with 1 to
  ;; 65,535 bytes (RFC 6455, 5.2). Puts what they contain into the result, with an LF at the end of each that has none.
  ;; Stops at the first other frame, and at one that is not complete. Returns the length of the result; `unframed` is
  ;; where it stopped in the text.
  (func (export "unframe") (param $length i32) (result i32)
    (local $at i32) ;; in the text
    (local $out i32) ;; in the result
    (local $end i32) ;; of the frame, in the text
    (local $outEnd i32) ;; of its payload, in the result
    (local $count i32) ;; the bytes of its payload
    (local $mask v128)
    (block $stop
      (loop $frame
        (br_if $stop (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $length)))
        (br_if $stop (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x81))) ;; the last, and only, frame of a text
        (local.set $count (i32.sub (i32.load8_u offset=1 (local.get $at)) (i32.const 0x80))) ;; below 0 without a mask
        (br_if $stop (i32.gt_u (i32.sub (local.get $count) (i32.const 1)) (i32.const 125))) ;; 0, or the longest form
        (local.set $end (i32.add (local.get $at) (i32.const 6)))
        (if (i32.eq (local.get $count) (i32.const 126))
          (then
            (local.set $count
              (i32.or
                (i32.shl (i32.load8_u offset=2 (local.get $at)) (i32.const 8))
                (i32.load8_u offset=3 (local.get $at))))
            (br_if $stop (i32.eqz (local.get $count)))
            (local.set $end (i32.add (local.get $at) (i32.const 8)))))
        (br_if $stop (i32.gt_u (i32.add (local.get $end) (local.get $count)) (local.get $length)))
        (local.set $mask (i32x4.splat (i32.load (i32.sub (local.get $end) (i32.const 4)))))
        (local.set $at (local.get $end))
        (local.set $end (i32.add (local.get $end) (local.get $count)))
        (local.set $outEnd (i32.add (local.get $out) (local.get $count)))
        ;; In whole vectors: what is too much is overwritten by the next frame.
        (loop $copy
          (v128.store offset=0x20000
            (local.get $out)
            (v128.xor (v128.load (local.get $at)) (local.get $mask)))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (local.set $out (i32.add (local.get $out) (i32.const 16)))
          (br_if $copy (i32.lt_u (local.get $at) (local.get $end))))
        (local.set $at (local.get $end))
        (local.set $out (local.get $outEnd))
        (if (i32.ne (i32.load8_u offset=0x1ffff (local.get $out)) (i32.const 0x0a))
          (then
            (i32.store8 offset=0x20000 (local.get $out) (i32.const 0x0a))
            (local.set $out (i32.add (local.get $out) (i32.const 1)))))
        (br $frame)))
    (global.set $unframed (local.get $at))
    (local.get $out)))
