"""How the pages look and the one script there is, which filters the index; both stand inside each page."""

STYLE = """
@font-face{font-family:Letters;src:local("Noto Sans Arabic"),local("Noto Sans Arabic Regular"),
local("NotoSansArabic-Regular"),local("Segoe UI"),local("Tahoma");
unicode-range:U+0600-06FF,U+0750-077F,U+FB50-FDFF,U+FE70-FEFF}
:root{--ink:#1c2321;--soft:#5b6661;--line:#d9ddd6;--paper:#fff;--tint:#f4f5f0;--green:#0b5d4b;--gold:#a57c1b;
--red:#9b2c20;--sans:"Noto Sans Arabic","Segoe UI","Dubai","Tahoma","Noto Sans",system-ui,sans-serif;
--mono:Letters,"Noto Sans Mono","Cascadia Mono",Consolas,Menlo,"DejaVu Sans Mono",monospace}
*{box-sizing:border-box}html{scroll-padding-top:4.2rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.65 var(--sans)}
[lang=ar]{line-height:1.85}
a{color:var(--green);text-underline-offset:.18em}a:focus-visible,summary:focus-visible,input:focus-visible,
.wide:focus-visible{outline:3px solid var(--gold);outline-offset:2px}
.skip{position:absolute;inset-inline-start:-100vw}.skip:focus{inset-inline-start:1rem;z-index:9;background:#fff;
padding:.5rem 1rem}
header{position:sticky;top:0;z-index:3;background:var(--green);color:#fff}
header>div,main,footer>div{max-width:74rem;margin:auto;padding:0 1.25rem}
header>div{display:flex;flex-wrap:wrap;align-items:center;gap:.2rem 1.4rem;min-height:3.4rem}
header a{color:#fff;text-decoration:none;padding:.3rem 0}
header a:hover,header a[aria-current]{border-bottom:2px solid #e6c972}
header .name{font-weight:700;font-size:1.15rem}header .other{margin-inline-start:auto;border:1px solid #ffffff88;
border-radius:1rem;padding:.05rem .9rem}
main{padding-block:1.5rem 4rem}
h1{font-size:2rem;line-height:1.3;margin:.4rem 0}h2{font-size:1.35rem;margin:2.6rem 0 .6rem;padding-top:.3rem;
border-top:3px solid var(--green)}h3{font-size:1.08rem;margin:1.8rem 0 .4rem}
.lead{font-size:1.12rem;color:var(--soft);max-width:56rem}p,ul,ol{max-width:62rem}
.eyebrow{color:var(--gold);font-weight:600;margin:0}
code,pre{font:.86em/1.6 var(--mono);direction:ltr;unicode-bidi:isolate}
code{background:var(--tint);border-radius:.2rem;padding:.05rem .28rem;overflow-wrap:break-word}
h2 code{font-size:.62em;font-weight:400}td.long code{overflow-wrap:anywhere}
[dir=rtl] td div[dir=ltr]{text-align:right}
pre{background:var(--tint);border:1px solid var(--line);border-radius:.4rem;padding:.8rem 1rem;overflow:auto;
text-align:left;max-height:34rem}pre.rows{white-space:pre}
.wide{overflow-x:auto;margin:.6rem 0 1.2rem}table{border-collapse:collapse;width:100%;font-size:.94rem}
th,td{padding:.42rem .6rem;text-align:start;vertical-align:top;border-bottom:1px solid var(--line)}
th{background:var(--tint);white-space:nowrap;color:var(--soft);font-weight:600}tr:target{background:#fbf3d8}
td p{margin:0}td small,.soft{color:var(--soft)}td.num{white-space:nowrap}
.d1>td:first-child{padding-inline-start:1.7rem}.d2>td:first-child{padding-inline-start:2.8rem}
.d3>td:first-child{padding-inline-start:3.9rem}
dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(12rem,1fr));gap:1rem;margin:1.4rem 0}
dl.facts>div{border:1px solid var(--line);border-top:3px solid var(--gold);border-radius:.3rem;padding:.7rem 1rem}
dt{color:var(--soft);font-size:.88rem;font-weight:600}dd{margin:.15rem 0 0}
.badge{display:inline-block;border:1px solid currentColor;border-radius:1rem;padding:0 .65rem;font-size:.84rem;
white-space:nowrap}.pass,.internal{color:var(--green)}.hold,.confidential{color:#7d5c0e}
.exempt{color:var(--soft)}.restricted,.unverified{color:var(--red)}.verified{color:var(--green)}
.must{color:var(--red);font-weight:600}
.note{border-inline-start:4px solid var(--gold);background:#fdf8e9;padding:.6rem 1rem;margin:1rem 0;max-width:62rem}
details{border:1px solid var(--line);border-radius:.4rem;margin:.5rem 0;padding:0 1rem}
details[open]{padding-bottom:.8rem}summary{cursor:pointer;padding:.5rem 0;font-weight:600}
nav.here{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;border-block:1px solid var(--line);padding:.5rem 0}
.toc{columns:18rem;column-gap:3rem;padding-inline-start:1.2rem}.cards{display:grid;gap:1rem;padding:0;list-style:none;max-width:none;
grid-template-columns:repeat(auto-fill,minmax(20rem,1fr))}
.cards>li{border:1px solid var(--line);border-radius:.5rem;padding:.9rem 1.1rem;display:flex;
flex-direction:column;gap:.35rem}
.cards h3{margin:0}.cards p{margin:0}.cards .foot{margin-top:auto;display:flex;flex-wrap:wrap;gap:.4rem}
.find{display:block;width:100%;max-width:44rem;font:inherit;padding:.6rem .9rem;border:2px solid var(--green);
border-radius:.4rem;margin:.4rem 0}
.index{columns:19rem;list-style:none;padding:0;max-width:none;font-size:.93rem}
.index li{break-inside:avoid;padding:.1rem 0}
.index bdi{white-space:nowrap}[hidden]{display:none}
footer{border-top:1px solid var(--line);color:var(--soft);font-size:.88rem}footer>div{padding-block:1rem 2rem}
.choose{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1.5rem;margin:2rem 0}
.choose a{display:block;border:1px solid var(--line);border-top:4px solid var(--green);border-radius:.4rem;
padding:1.4rem;text-decoration:none;color:inherit}.choose strong{font-size:1.5rem;color:var(--green)}
@media print{header,.find,.skip,.here,.index-part{display:none}body{font-size:10pt}main{padding:0}
h2,h3{break-after:avoid}
tr,dl.facts>div,.cards>li{break-inside:avoid}thead{display:table-header-group}pre{max-height:none;white-space:pre-wrap}
details{border:0;padding:0}details::details-content{content-visibility:visible;height:auto}a{color:inherit}
.wide{overflow:visible}}
@page{margin:16mm}
"""

SCRIPT = """
(function(){
var box=document.getElementById('find'),list=document.getElementById('index'),none=document.getElementById('none');
if(!box||!list)return;
function plain(t){return t.toLowerCase().replace(/[\\u064b-\\u065f\\u0670\\u0640]/g,'')
.replace(/[\\u0623\\u0625\\u0622\\u0671]/g,'\\u0627').replace(/\\u0649/g,'\\u064a').replace(/\\u0629/g,'\\u0647')}
var items=Array.prototype.map.call(list.children,function(li){return [li,plain(li.textContent)]});
box.parentNode.hidden=false;
box.addEventListener('input',function(){
var words=plain(box.value).split(/\\s+/).filter(Boolean),seen=0;
items.forEach(function(item){
var fits=words.every(function(w){return item[1].indexOf(w)>=0});item[0].hidden=!fits;if(fits)seen++});
none.hidden=seen>0});
})();
"""
