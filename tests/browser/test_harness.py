"""The browser tests' own ears: a tone is heard as what it is, and not heard when it is not there."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.tab import Tab

HERE = Path(__file__).parent
LOOP = """async () => {
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({candidate}) => candidate && b.addIceCandidate(candidate);
  b.onicecandidate = ({candidate}) => candidate && a.addIceCandidate(candidate);
  window.sound = new Audio();
  b.ontrack = ({track}) => { window.sound.srcObject = new MediaStream([track]); window.sound.play(); };
  window.microphone = await navigator.mediaDevices.getUserMedia({
    audio: {noiseSuppression: false, echoCancellation: false},
  });
  a.addTrack(window.microphone.getTracks()[0], window.microphone);
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
}"""


def test_a_tab_hears_what_another_says(open_browser: Callable[..., Browser], output: Path) -> None:
    browser = open_browser(1000, more=("--allow-loopback-in-peer-connection",))
    context = browser.new_context(permissions=["microphone"])
    context.add_init_script(path=HERE / "listening.js")
    tab = Tab(context.new_page(), screens=output)
    tab.context.route("http://localhost/", lambda route: route.fulfill(body="<title>empty</title>"))
    tab.page.goto("http://localhost/")
    assert tab.listen(1000).rms == 0
    tab.page.evaluate(LOOP)
    tab.hears(1000)
    tab.does_not_hear(440)
    tab.page.evaluate("() => { window.microphone.getTracks()[0].enabled = false; }")
    tab.does_not_hear(1000)
    assert tab.problems == []
