// SPDX-License-Identifier: Apache-2.0

/// How a report looks: light and dark, on paper, and with large letters.
enum PageStyle {
    /// Hue and saturation of each row of `df`; the scheme gives the lightness. What has none here is grey.
    private static let colours: [(category: DiskReport.Category, hue: Int, saturation: Int)] = [
        (.images, 212, 70), (.containers, 262, 55), (.namedVolumes, 162, 55), (.anonymousVolumes, 128, 38),
        (.buildCache, 30, 75), (.logs, 48, 80), (.plugins, 300, 40), (.containerdStore, 190, 60), (.orphans, 4, 72),
        (.temporary, 18, 45), (.otherDrivers, 84, 35), (.foreign, 335, 50), (.trash, 230, 22),
    ]

    static var css: HTML {
        let kinds = colours.map { ".\($0.category.cssClass){--h:\($0.hue);--s:\($0.saturation)%}" as HTML }
        return "<style>\n\(sheet)\n\(HTML(kinds))\n</style>"
    }

    private static let sheet: HTML = """
        :root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1a2029;--soft:#566072;--line:#d9dee6;
        --accent:#1f5fbf;
        --tile:86%;--group:92%;--kind:96%;--edge:62%;--solid:48%;--tileink:#141a22;--stripe:rgba(255,255,255,.55)}
        @media (prefers-color-scheme:dark){:root{--page:#12161c;--card:#1a2029;--ink:#e8ecf2;--soft:#a3aec0;
        --line:#313a48;
        --accent:#86b4ff;--tile:27%;--group:20%;--kind:15%;--edge:42%;--solid:58%;--tileink:#f1f4f9;
        --stripe:rgba(0,0,0,.34)}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);
        font:16px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif}
        main{max-width:1208px;margin:0 auto;padding:32px 24px 48px}
        h1{font-size:1.9rem;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;overflow-wrap:anywhere}
        h2{font-size:1.25rem;margin:44px 0 8px}
        p{margin:4px 0 12px;max-width:75ch}
        .soft{color:var(--soft)}
        a{color:var(--accent)}
        code{font:0.92em ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
        .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:14px;
        margin:26px 0 10px;padding:0}
        .cards>div{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 18px}
        .cards dt{color:var(--soft);font-size:.88rem}
        .cards dd{margin:0;font-size:1.65rem;font-weight:650;letter-spacing:-.01em}
        .cards dd+dd{font-size:.88rem;font-weight:400;color:var(--soft);letter-spacing:0}
        .bar{display:flex;height:30px;border-radius:9px;overflow:hidden;background:var(--line);margin:14px 0 8px}
        .bar span{display:block;min-width:2px;background:hsl(var(--h,220) var(--s,8%) var(--solid))}
        .bar .other{background:var(--soft);opacity:.55}
        .bar .gone{background:repeating-linear-gradient(45deg,var(--soft) 0 4px,var(--line) 4px 8px)}
        .legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:8px 0 0;padding:0;
        font-size:.9rem;color:var(--soft)}
        .legend li::before{content:"";display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px;
        background:hsl(var(--h,220) var(--s,8%) var(--solid))}
        .legend .other::before{background:var(--soft);opacity:.55}
        .legend .room::before{background:var(--line)}
        .legend .stripes::before{background:repeating-linear-gradient(45deg,var(--soft) 0 3px,transparent 3px 6px)}
        figure{margin:12px 0 0}
        figcaption{color:var(--soft);font-size:.9rem;margin-top:8px}
        .map{position:relative;width:100%;aspect-ratio:1160/640;min-height:420px;font-size:12px;line-height:1.25}
        .t{position:absolute;overflow:hidden;border-radius:4px;padding:2px 5px;white-space:nowrap;
        text-overflow:ellipsis;
        color:var(--tileink);border:1px solid var(--card)}
        .t b{font-weight:600}
        .t i{font-style:normal;opacity:.92}
        .k{background:hsl(var(--h,220) var(--s,8%) var(--kind));
        border:1px solid hsl(var(--h,220) var(--s,8%) var(--edge));
        border-radius:8px}
        .k>b{font-size:13px}
        .g{background:hsl(var(--h,220) var(--s,8%) var(--group));
        border-color:hsl(var(--h,220) var(--s,8%) var(--edge))}
        .l{background:hsl(var(--h,220) var(--s,8%) var(--tile))}
        .l.free{background-image:repeating-linear-gradient(45deg,var(--stripe) 0 5px,transparent 5px 10px)}
        .scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px;
        margin-top:12px}
        table{border-collapse:collapse;width:100%;font-size:.92rem}
        caption{text-align:left;padding:12px 16px 0;color:var(--soft)}
        th,td{text-align:left;padding:8px 16px;border-bottom:1px solid var(--line);vertical-align:top}
        thead th{font-size:.82rem;color:var(--soft);font-weight:600;white-space:nowrap}
        tbody th{font-weight:500}
        tbody tr:last-child>*{border-bottom:0}
        .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
        .sum>*{font-weight:650;border-top:2px solid var(--line)}
        .dot::before{content:"";display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:9px;
        background:hsl(var(--h,220) var(--s,8%) var(--solid))}
        .warn{border-left:4px solid #c8382c;padding:2px 0 2px 14px}
        footer{margin-top:48px;color:var(--soft);font-size:.9rem}
        @media print{body{background:#fff}main{max-width:none;padding:0}.scroll,.cards>div{break-inside:avoid}
        *{print-color-adjust:exact}}
        """
}
