import threading, time, socket, sqlite3, sys
import numpy as np, pytest, pyarrow as pa
from recomart.errors import *
from recomart.features.online import open_online, OnlineFeatures, State
from recomart.features.online.codec import RowCodec, key_of
from recomart.features.online.redis import RedisStore
from recomart.testing.online_stores import state_of
from tests.servers import postgres_server, redis_server

@pytest.fixture(params=["sqlite","redis","postgres"])
def place(request):
    return "o.sqlite" if request.param=="sqlite" else request.getfixturevalue(request.param+"_url")

def load(s, view, ver, rows):
    s.progress(view, ver); s.put(view, ver, 0, rows); s.publish(state_of(view, ver, len(rows)))

def test_progress_of_current_version_keeps_it(place, tmp_path):
    s=open_online(place,tmp_path); load(s,"cur","v",[(b"a",b"1")])
    s.progress("cur","v")
    assert s.get("cur",[b"a"])==[b"1"]

def test_shared_by_threads(place, tmp_path):
    s=open_online(place,tmp_path); load(s,"thr","v",[(b"a",b"1")])
    bad=[]
    def r():
        for _ in range(200):
            try:
                if s.get("thr",[b"a"])!=[b"1"]: bad.append("wrong")
            except Exception as e: bad.append(repr(e)[:200]); return
    ts=[threading.Thread(target=r) for _ in range(8)]
    [t.start() for t in ts]; [t.join() for t in ts]
    assert bad==[]

def test_signature_change_with_cached_state(tmp_path):
    s=open_online("o.sqlite",tmp_path)
    def pub(ver, cols, val):
        c=RowCodec(cols); b=pa.record_batch({k: pa.array([v]) for k,v in val.items()})
        s.progress("u",ver); s.put("u",ver,0,[(b"ann",c.encode(b)[0])])
        s.publish(State(view="u",version=ver,keys={"user_id":"string"},columns=cols,signature=c.signature,rows=1,at_us=1,materialised_us=1))
    pub("1",{"n":"int64"},{"n":7}); o=OnlineFeatures(s)
    assert o.get("u",["ann"])==[{"n":7}]
    pub("2",{"price":"float64"},{"price":2.5})
    print(o.get("u",["ann"]))
    assert o.get("u",["ann"])==[{"price":2.5}]

def test_pg_reconnects(postgres_url,tmp_path):
    import psycopg
    s=open_online(postgres_url,tmp_path); load(s,"rec","v",[(b"a",b"1")])
    with psycopg.connect(postgres_url,autocommit=True) as c:
        c.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid<>pg_backend_pid() and datname='postgres'")
    time.sleep(.2)
    try: s.get("rec",[b"a"])
    except StoreUnavailableError: pass
    assert s.get("rec",[b"a"])==[b"1"]

def test_redis_prefix_in_url(redis_url,tmp_path):
    s=open_online(redis_url+"?prefix=mine",tmp_path); load(s,"p","v",[(b"a",b"1")])
    assert open_online(redis_url,tmp_path).state("p") is None

def test_redis_bad_urls(tmp_path):
    for u in ["redis://127.0.0.1:99999999/0","redis://127.0.0.1:x/0","redis://127.0.0.1:1/0?nope=1"]:
        try: open_online(u,tmp_path)
        except RecomartError as e: print(u, type(e))
        else: assert 0

def test_redis_silent_time():
    with socket.create_server(("127.0.0.1",0)) as l:
        t=time.time()
        with pytest.raises(StoreUnavailableError): RedisStore(f"redis://127.0.0.1:{l.getsockname()[1]}/0")
        dt=time.time()-t; print("silent",dt); assert dt<6

def test_redis_many_keys_one_generation(redis_url,tmp_path):
    s=open_online(redis_url,tmp_path); n=5000
    keys=[b"%d"%i for i in range(n)]
    load(s,"many","v",[(k,b"v") for k in keys]); mix=[]; done=threading.Event()
    def r():
        q=open_online(redis_url,tmp_path)
        while not done.is_set():
            f=set(q.get("many",keys))
            if len(f)>1: mix.append(f)
    t=threading.Thread(target=r); t.start()
    for i in range(15): load(s,"many",f"v{i}",[(k,b"%d"%i) for k in keys])
    done.set(); t.join(); assert not mix

def test_surrogate_and_numpy_keys():
    assert key_of((np.int64(7),),{"h":"int64"})==b"7"
    with pytest.raises(FrameError): key_of(("\ud800",),{"u":"string"})

def test_newer_state(tmp_path):
    s=open_online("o.sqlite",tmp_path); load(s,"u","v",[(b"a",b"1")])
    c=sqlite3.connect(s.path); c.execute("update _state set state='{\"new\":1}'"); c.commit(); c.close()
    with pytest.raises(RecomartError): OnlineFeatures(s).get("u",["a"])

def test_sqlite_opens_while_written(tmp_path):
    s=open_online("o.sqlite",tmp_path); load(s,"u","v",[(b"a",b"1")])
    c=sqlite3.connect(s.path,isolation_level=None); c.execute("BEGIN EXCLUSIVE")
    t=time.time(); q=open_online("o.sqlite",tmp_path); assert q.get("u",[b"a"])==[b"1"]; assert time.time()-t<1
    c.close()

def test_sqlite_threads_leak(tmp_path):
    import os
    s=open_online("o.sqlite",tmp_path); load(s,"u","v",[(b"a",b"1")])
    n=len(os.listdir("/proc/self/fd"))
    for _ in range(40):
        t=threading.Thread(target=lambda: s.get("u",[b"a"])); t.start(); t.join()
    m=len(os.listdir("/proc/self/fd")); print(n,m); assert m-n<12

def test_empty(place,tmp_path):
    s=open_online(place,tmp_path); load(s,"u0","v",[]) 
    assert s.get("u0",[])==[] and s.get("u0",[b"x"])==[None]
    s.patch(state_of("u0","w"),[],[]); assert s.state("u0").version=="w"

def test_dup_keys_in_batch(place,tmp_path):
    s=open_online(place,tmp_path); s.progress("d","v"); s.put("d","v",0,[(b"a",b"1"),(b"a",b"2")])
